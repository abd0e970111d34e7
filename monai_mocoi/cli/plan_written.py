"""What a run would write, and where: each class that writes files says so of itself, in its ``writes``."""

import re
from collections.abc import Iterator
from pathlib import Path

from monai_mocoi.cli.messages import with_hint
from monai_mocoi.cli.plan_rows import AT_RUN_TIME, Planned, Row
from monai_mocoi.errors import HomeFolderError, RunFolderError, WeightsError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.networks.weights_place import check_weights_place
from monai_mocoi.runs.product_folders import check_inference_folder
from monai_mocoi.runs.run_folder_check import check_run_folder, find_run


def written_rows(planned: Planned) -> Iterator[Row]:
    """The run folder and its state, products, and the cache."""
    config = planned.config
    pretrained = planned.text("pretrained")
    if pretrained not in (None, "none"):
        with planned.refusing(WeightsError):
            check_weights_place(str(pretrained))
    if "RunFolder" in planned.targets and (folder := planned.text("run_dir")) is not None:
        yield "run folder", folder, _state_of(Path(folder), planned)
    yield from (("", path, meaning) for path, meaning in dict(_products(planned)).items())
    planned.refuse_as(r"check_(?!run_)\w+_folder")
    if (folder := planned.text("inference_dir")) is not None:
        with planned.refusing(RunFolderError):
            check_inference_folder(Path(folder), config.get("overwrite") is True)
    if planned.targets & {"ImageDataset", "evaluation_dataset"}:
        with planned.refusing(HomeFolderError):
            yield "cache", str(user_cache_dir() / "decoded"), _cache_size(planned)


def _products(planned: Planned) -> Iterator[tuple[str, str]]:
    for id, part, writer in planned.parts:
        for template, meaning in getattr(writer, "writes", {}).items():
            argument = re.match(r"{(\w+)}", template)
            if argument is None or part.get(argument[1]) is None:
                continue
            folder = planned.config.get(f"{id}#{argument[1]}")
            yield template.replace(argument[0], f"({AT_RUN_TIME})" if folder is None else str(folder)), meaning


def _cache_size(planned: Planned) -> str:
    side, channels, bits = map(planned.config.get, ("decode_size", "channels", "cache_bits"))
    if planned.datalist is None or None in (side, channels, bits):
        return "decoded images, used again by later runs"
    twice = ", twice that in 16 bits" if bits == "auto" else ""
    images = len(planned.datalist.training) + len(planned.datalist.validation)
    size = images * side * side * channels * (1 if bits in ("auto", 8) else 2) / 2**20
    return f"decoded images, {size:.0f} MiB{twice}, used again by later runs"


def _state_of(folder: Path, planned: Planned) -> str:
    """Say what is in the run folder and what the run would do with it."""
    config = planned.config
    overwrite, resume = (config.get(name) is True for name in ("overwrite", "resume"))
    settings = config.settings()
    undecided = set(config.raw.get("settings", {})) - set(settings)
    try:
        run = check_run_folder(
            *(folder, overwrite, resume, settings),
            undecided=undecided,
            dataset_sha256=None if planned.datalist is None else planned.datalist.sha256,
            max_epochs=config.get("max_epochs"),
        )
    except RunFolderError as error:
        planned.refuse(with_hint(error), error.exit_code)
        if (run := find_run(folder)) is None:
            return "holds something else" if folder.exists() else "new"
        return f"holds a run ({run.manifest['status']})"
    if run is None:
        return "new"
    if resume:
        newest = run.newest.name if run.newest else "its beginning: no checkpoint yet"
        return f"holds a run ({run.manifest['status']}); continued from {newest}"
    return f"holds a run ({run.manifest['status']}); DELETED when the run starts (overwrite)"
