"""``mocoi package``: a bundle and a fine-tuned classifier as one zip that MONAI's bundle tools take."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from monai_mocoi.analysis import TYPICAL_NAME
from monai_mocoi.errors import PackageError
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.files.home_folder import home_folder
from monai_mocoi.packaging.adapted_docs import is_adapted
from monai_mocoi.packaging.config_values import json_object
from monai_mocoi.packaging.finetuned_run import FinetunedRun, read_finetuned_run
from monai_mocoi.packaging.model_card import card_text
from monai_mocoi.packaging.owner import Owner, package_name, with_stated
from monai_mocoi.packaging.package_configs import packaged_inference, packaged_metadata
from monai_mocoi.packaging.package_files import (
    check_no_places,
    packaged_typical,
    packaged_weights,
    without_dataset,
    write_zip,
)
from monai_mocoi.packaging.run_words import data_license, license_files, metadata_of

_CONFIG_SUFFIXES = (".json", ".yaml", ".yml", ".conf")


class Package(NamedTuple):
    """What was written."""

    path: Path
    name: str  # of the only folder in the zip
    run: FinetunedRun
    files: tuple[str, ...]  # their paths in that folder
    owner: Owner  # what its maker states


def package_bundle(
    bundle: str | os.PathLike[str],
    run: str | os.PathLike[str],
    out: str | os.PathLike[str],
    overwrite: bool = False,
    name: str | None = None,
    owner: Owner | None = None,
) -> Package:
    """Write a bundle with the classifier of a run as a zip.

    ``<name>/models/model.pt`` is the state dict of the network in ``configs/inference.json``, ``models/model.json`` its
    card, beside them ``typical_features.safetensors`` if the run has it; ``configs/metadata.json`` has the real figures
    and ``docs/README.md`` is the model card. ``LICENSE`` and ``docs/data_license.txt`` are the owner's, or say that
    nothing is stated. Nothing tells of the machine, of images or of patients. The same input gives the same bytes.

    Args:
        bundle: folder of the bundle that the run was made with.
        run: folder that its ``finetune.json`` wrote; ``evaluation-test/metrics.json`` in it is used if it is there.
        out: the file to write, ending in ``.zip``.
        overwrite: replace it.
        name: of the package; None: see :func:`~monai_mocoi.packaging.package_name`.
        owner: what is stated; the rest is taken from an adapted bundle, or said to be missing.

    A PackageError: a folder that is no such bundle or run, a run that is not finished or of another bundle or modality,
    a config that names a place on this machine, or ``out`` cannot be. A WeightsError: the classifier cannot be read, or
    does not fit the bundle's network.
    """
    bundle, run, out = Path(bundle), Path(run), Path(out)
    _check_out(out, overwrite)
    texts = _bundle_texts(bundle)
    inference, metadata = (_parsed(texts, f"configs/{name}.json", bundle) for name in ("inference", "metadata"))
    finetuned = read_finetuned_run(run)
    _check_same(finetuned.card, inference, bundle, run)
    name = package_name(inference["modality"], name, metadata["name"] if is_adapted(metadata) else None)
    owner = with_stated(owner or Owner(), metadata, texts["docs/data_license.txt"])
    metadata.pop("stated", None)
    packaged = packaged_inference(inference, finetuned.card, name)
    texts |= {path: without_dataset(text) for path, text in texts.items() if path.startswith("configs/")}
    packaged = json.loads(without_dataset(_json(packaged)))
    texts["configs/inference.json"] = _json(packaged)
    texts["configs/metadata.json"] = _json(packaged_metadata(metadata, finetuned) | metadata_of(owner, name, metadata))
    texts["models/model.json"] = _json(finetuned.card)
    texts["docs/README.md"] = card_text(name, finetuned, metadata, owner)
    texts["docs/data_license.txt"] = data_license(owner, finetuned, texts["docs/data_license.txt"])
    texts |= license_files(owner, texts["LICENSE"])
    check_no_places(texts, (home_folder(), Path.cwd(), bundle.resolve(), run.resolve()))
    files = {path: text.encode() for path, text in texts.items()}
    files["models/model.pt"] = packaged_weights(packaged, finetuned.card, run)
    if "typical_features" in finetuned.card:
        files[f"models/{TYPICAL_NAME}"] = packaged_typical(finetuned.card["typical_features"], run)
    with atomic_path(out) as temporary:
        write_zip(temporary, name, files)
    return Package(out, name, finetuned, tuple(sorted(files)), owner)


def _check_out(out: Path, overwrite: bool) -> None:
    if out.suffix != ".zip":
        raise PackageError(f"the file to write is named {out.name!r}, but must end in .zip.")
    if out.is_dir():
        raise PackageError(f"{out.name!r} is a folder: name the file to write.")
    if out.exists() and not overwrite:
        raise PackageError(f"{out.name!r} exists already: choose another name, or overwrite it.", code="exists")


def _bundle_texts(bundle: Path) -> dict[str, str]:
    """The bundle's files that are packed: all except its README, because the card takes its place."""
    if not (bundle / "configs").is_dir():
        raise PackageError(f"{bundle} is no bundle (it has no folder configs): give one such as bundles/nih_mse.")
    paths = [p for p in sorted((bundle / "configs").iterdir()) if p.suffix in _CONFIG_SUFFIXES and p.is_file()]
    paths += [*sorted((bundle / "configs" / "schema").glob("*.json")), bundle / "docs" / "data_license.txt"]
    paths.append(bundle / "LICENSE")
    needed = {"configs/metadata.json", "configs/inference.json", "configs/logging.conf"}
    if missing := sorted(needed - {path.relative_to(bundle).as_posix() for path in paths}) + [
        path.relative_to(bundle).as_posix() for path in paths if not path.is_file()
    ]:
        raise PackageError(f"the bundle {bundle} lacks {', '.join(missing)}: bring back the original.")
    return {path.relative_to(bundle).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def _parsed(texts: Mapping[str, str], path: str, bundle: Path) -> dict[str, Any]:
    content = json_object(texts[path], f"{path} of the bundle {bundle}", PackageError)
    needed = ("bundle", "modality") if path.endswith("inference.json") else ("version", "network_data_format")
    if missing := [name for name in needed if not content.get(name)]:
        raise PackageError(f"{path} of the bundle {bundle} lacks {', '.join(missing)}: bring back the original.")
    return content


def _check_same(card: Mapping[str, Any], inference: Mapping[str, Any], bundle: Path, run: Path) -> None:
    found = {"bundle": card["settings"].get("bundle"), "modality": card["modality"]}
    for what, value in found.items():
        if value != inference[what]:
            raise PackageError(
                f"the run {run} was made with the {what} {value!r}, but {bundle} has {inference[what]!r}: give the "
                "bundle that the run was made with."
            )


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
