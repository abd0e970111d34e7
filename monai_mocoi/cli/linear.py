"""``mocoi linear``: linear evaluations of one encoder with many draws of labels, tested, in one process."""

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.cli.config_ids import find
from monai_mocoi.cli.linear_words import NOT_RECORDED, OF_EVALUATION, LinearCommand
from monai_mocoi.errors import UsageError

logger = logging.getLogger(__name__)

REQUEST_NAME = "linear.json"


def linear_and_show(command: LinearCommand, out: str, test: str | None, overwrite: bool) -> None:
    """Fit and test all cells that ``out`` does not have yet."""
    from monai.bundle import ConfigParser

    from monai_mocoi import data
    from monai_mocoi.cli.resolved_config import ResolvedConfig
    from monai_mocoi.report import LinearCells, LinearRequest

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("monai").setLevel(logging.WARNING)
    checked, folder = command.finetune, Path(out)
    if unused := command.unused():
        logger.warning("Not used by linear evaluations, and so without effect here: %s", ", ".join(unused))
    parser = ConfigParser()
    parser.read_config(list(checked.files.files))
    parser.update({name: "$None" if value is None else value for name, value in checked.overrides.items()})
    parser.parse()
    get = parser.get_parsed_content
    for step in find(checked.config, "initialize"):
        if re.search(r"check_settings|runs\.begin|^\$@dataset_folder$|check_labels_meant|check_start", step):
            get(step, default=_expression(parser, step))
    datalist = get("datalist")
    draws = [
        data.label_subset(datalist, fraction, seed, get("validation_labels"))
        for fraction in command.fractions
        for seed in command.draws[: 1 if fraction == 1 else None]  # all labels are drawn in one way only
    ]
    for draw in draws:
        data.require_images(draw.datalist, training=2, validation=1)
    data.audit_datalist(data.without_skipped(datalist, skip=get("on_bad_image") == "skip"))
    evaluate = ResolvedConfig(command.evaluate.files.files, command.evaluate.overrides)
    of_evaluation = {name: evaluate.get(name) for name in OF_EVALUATION}
    names = ("channels", "intensity", "decode_size", "image_size", "mean", "std")
    preparation = {**{name: get(name) for name in names}, "decode_fit": get("resize_mode"), "cache_bits": get("bits")}
    weights = get("pretrained_weights")
    tested = datalist if test is None else data.load_datalist(test)
    request = LinearRequest(
        folder=folder,
        datalist=datalist,
        tested=tested,
        draws=draws,
        network=get("network_def"),
        weights=weights,
        settings=get("settings"),
        preparation=preparation,
        kind=get("kind"),
        evaluation=of_evaluation,
        reading={name: get(name) for name in ("on_bad_image", "max_bad_share")},
        **{name: get(name) for name in ("metric", "class_weighting", "device", "precision", "channels_last")},
        **{name: get(name) for name in ("batch_size", "num_workers")},
    )
    known = {"pretrained_sha256": weights.sha256, "dataset_sha256": datalist.sha256, "tested_sha256": tested.sha256}
    settings = {name: value for name, value in request.settings.items() if name not in NOT_RECORDED}
    _take_folder(folder, {"format": 1, **known, "settings": settings, "evaluation": of_evaluation}, overwrite)
    LinearCells(request).run()
    logger.info("Linear evaluations: %s (%d)", folder, len(draws))


def _expression(parser: Any, step: str) -> Any:
    from monai.bundle import ConfigExpression

    return ConfigExpression(step, step, globals=parser.globals)


def _take_folder(folder: Path, request: Mapping[str, Any], overwrite: bool) -> None:
    """Take a new folder, or go on in one of the same request. Raises UsageError."""
    from monai_mocoi.files.atomic_write import LEFTOVERS, write_json
    from monai_mocoi.runs.product_folders import check_can_be_written
    from monai_mocoi.runs.same_settings import as_recorded_now
    from monai_mocoi.runs.settings import plain

    check_can_be_written(folder, "out")
    content = json.loads(json.dumps(plain(request), default=str))
    path = folder / REQUEST_NAME
    # A killed process may have left nothing but these; beside other files they are not ours to remove.
    held = [own for own in folder.iterdir() if not own.match(LEFTOVERS)] if folder.is_dir() else []
    if path.is_file() or not held:
        for place in (folder, *folder.glob("f*-l*")):
            for leftover in place.glob(LEFTOVERS):
                leftover.unlink(missing_ok=True)
    if path.is_file():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        earlier["settings"] = as_recorded_now(earlier.get("settings", {}), content["settings"])
        if earlier != content and not overwrite:
            wrong = [name for name in content if earlier.get(name) != content[name]]
            raise UsageError(
                f"{folder} holds linear evaluations of others ({', '.join(wrong)}): name another folder by --out, or "
                "add --overwrite to replace them."
            )
        if earlier != content:
            # The one that says that a cell is whole first; what a new request does not have any more goes with it.
            for name in ("metrics.json", "predictions.csv", "labelled.json"):
                for old in folder.glob(f"f*-l*/{name}"):
                    old.unlink()
    elif held:
        raise UsageError(f"{folder} holds something else: name another folder by --out.")
    write_json(path, content)
