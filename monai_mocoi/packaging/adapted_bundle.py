"""``mocoi adapt``: a bundle of one's own for a data set, made from another bundle."""

import os
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import load_datalist
from monai_mocoi.data.datalist_form import PRETRAINING
from monai_mocoi.data.picture_facts import measure_pictures
from monai_mocoi.errors import AdaptError
from monai_mocoi.files.folder_swap import replaced
from monai_mocoi.files.home_folder import expand_home
from monai_mocoi.files.json_layout import config_text, group_starts
from monai_mocoi.networks.architectures import ARCHITECTURES
from monai_mocoi.packaging.adaptation import Adaptation
from monai_mocoi.packaging.adapted_configs import CONFIGS, change_configs, leave_out_stains
from monai_mocoi.packaging.adapted_data import folder_name, read_labels, read_manifest, warnings_of, warnings_of_data
from monai_mocoi.packaging.adapted_docs import adapted_metadata, adapted_readme, data_text
from monai_mocoi.packaging.adapted_settings import Choice, choose_settings
from monai_mocoi.packaging.bundle_place import bundle_place
from monai_mocoi.packaging.config_values import json_object
from monai_mocoi.packaging.encoder_metadata import architecture_in
from monai_mocoi.packaging.owner import Owner

_OTHERS = (
    *("configs/metadata.json", "configs/paper.json", "configs/paper_finetune.json", "configs/logging.conf"),
    *("docs/README.md", "docs/data_license.txt", "LICENSE"),
)
_MODALITY = re.compile(r"[a-z][a-z0-9_]{0,30}")


def adapt_bundle(
    bundle: str | os.PathLike[str],
    dataset: str | os.PathLike[str],
    name: str,
    out: str | os.PathLike[str] = ".",
    modality: str | None = None,
    owner: Owner | None = None,
    architecture: str | None = None,
) -> Adaptation:
    """Write a new bundle folder for a data set.

    It is whole: nothing in it refers to the bundle that it was made from. Channels, normalisation, sizes, intensity,
    batch, queue, labels and metric follow from the data set; all other settings are the source's. No path of this
    machine gets into it: its ``dataset_dir`` is the name of the dataset folder.

    Args:
        bundle: folder of the source, one of the nine or one that was adapted before.
        dataset: a dataset folder; only read.
        name: of the new bundle and its folder.
        out: the folder in which it is made.
        modality: kind of the images, one word such as "hand"; None: the source's.
        owner: title, authors, contact and statement on the data, for metadata and docs.
        architecture: of the encoder, one of ``ARCHITECTURES``; None: the source's.

    An AdaptError: a name that cannot be, or is taken; an architecture that no bundle has; a folder that is no such
    bundle; an identified data set; labels or channels that cannot be. A DatasetError: the dataset folder cannot be
    used.
    """
    bundle, dataset = Path(bundle), expand_home(dataset)
    folder = bundle_place(name, out, dataset)
    asked = _asked_for(architecture)
    texts, configs = _read(bundle)
    train = deepcopy(configs["train.json"])
    manifest, datalist = read_manifest(dataset), load_datalist(dataset)
    labels = read_labels(datalist, manifest)
    new = {"bundle": name, "modality": _modality(modality, train), "dataset_dir": folder_name(datalist.folder)}
    items = [item for split in ("training", PRETRAINING) for item in datalist.splits().get(split, ())]
    facts = measure_pictures(items, fundus=train["resize_mode"] == "fundus")
    metric = configs["finetune.json"]["metric"]
    choices = choose_settings(train, metric, labels, len(items), facts, manifest.get("channels"), new["modality"])
    choices += asked
    change_configs(configs, choices, new)
    stains_left_out = choices[0].value == 1 and leave_out_stains(configs)
    made = Adaptation(
        folder=folder,
        source=train["bundle"],
        modality=new["modality"],
        source_modality=train["modality"],
        architecture=architecture_in(configs["train.json"]),
        datalist=datalist,
        facts=facts,
        labels=labels,
        choices=tuple(choices),
        warnings=(
            *warnings_of(train, choices, facts, stains_left_out),
            *warnings_of_data(labels, datalist, len(items)),
        ),
        dataset_dir=new["dataset_dir"],
        owner=owner or Owner(),
    )
    configs["metadata.json"] = adapted_metadata(configs["metadata.json"], configs["train.json"], made)
    for file, content in configs.items():
        texts[f"configs/{file}"] = config_text(content, group_starts(texts[f"configs/{file}"]))
    texts["docs/README.md"] = adapted_readme(texts["docs/README.md"], made)
    texts["docs/data_license.txt"] = data_text(texts["docs/data_license.txt"], made)
    with replaced(bundle_place(name, out, dataset)) as place:  # asked again, because pictures were measured before
        for file, text in texts.items():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_text(text, encoding="utf-8")
    return made


def _read(bundle: Path) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """All files of the source, by their path in it; and its configs and metadata, read."""
    names = [*(f"configs/{file}" for file in CONFIGS), *_OTHERS]
    if missing := [name for name in names if not (bundle / name).is_file()]:
        raise AdaptError(
            f"{bundle} is no bundle that can be adapted (it lacks {', '.join(missing[:3])}"
            f"{' and more' if len(missing) > 3 else ''}): give a name such as nih_mse, or the folder of such a bundle."
        )
    names += [path.relative_to(bundle).as_posix() for path in sorted((bundle / "configs" / "schema").glob("*.json"))]
    texts = {name: (bundle / name).read_text(encoding="utf-8") for name in names}
    read = {
        name.removeprefix("configs/"): json_object(text, f"{name} of the bundle {bundle}", AdaptError)
        for name, text in texts.items()
        if name.endswith(".json")
    }
    if "run_dir" not in read["inference.json"]:
        raise AdaptError(f"{bundle} is a package with a classifier: give the bundle that the package was made from.")
    if "resize_mode" not in read["train.json"]:
        raise AdaptError("train.json of the bundle has no resize_mode: use a bundle of this version of monai_mocoi.")
    return texts, {name: read[name] for name in (*CONFIGS, "metadata.json")}


def _modality(given: str | None, train: Mapping[str, Any]) -> str:
    if given is not None and not _MODALITY.fullmatch(given):
        raise AdaptError(
            f"the modality is {given!r}, but must be one word of small letters, digits and '_', such as hand or "
            "mammography."
        )
    return given or str(train["modality"])


def _asked_for(architecture: str | None) -> list[Choice]:
    if architecture is None:
        return []
    if architecture not in ARCHITECTURES:
        raise AdaptError(f"the architecture is {architecture!r}, but must be one of {', '.join(ARCHITECTURES)}.")
    return [Choice("architecture", architecture, "as asked for")]
