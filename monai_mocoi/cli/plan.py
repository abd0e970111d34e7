"""What a command would do: its constants as they come out, the data, the steps, and what would be written where.

It reads the config files, the list of the dataset folder and the run folder's manifest, and imports neither torch nor
MONAI; nothing is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_mocoi.cli.config_ids import find, has, walk
from monai_mocoi.cli.evaluator import Evaluator, Undecided
from monai_mocoi.cli.overrides import Checked
from monai_mocoi.cli.references import referred
from monai_mocoi.errors import SettingsError, WeightsError
from monai_mocoi.exit_codes import DATA
from monai_mocoi.networks.classifier_place import CLASSIFIER_NAME, check_modality, classifier_path
from monai_mocoi.networks.known_images import check_drawn_or_real, images_in_words, known_images
from monai_mocoi.networks.weights_error import check_weights_place
from monai_mocoi.runs.product_names import ANALYSIS_NAME, DISTANCE_TABLE, FIGURES, PROBING, REUSE_TABLE, TENSORBOARD
from monai_mocoi.runs.setting_ranges import check_ranges

# Shown beside the names in ``settings``, which leaves out what differs from machine to machine.
_PLACES = (
    *("dataset_dir", "output_dir", "overwrite", "resume", "pretrained", "label_ids"),
    *("finetuned", "few_labels", "all_labels", "all_labels_again"),
)
# What each handler writes: the argument that names its folder, then file and meaning.
_PRODUCTS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "RunFolder": (
        "folder",
        (("config.json", "the settings as used"), ("manifest.json", "what ran, on what, and how it ended")),
    ),
    "Checkpoints": ("folder", (("checkpoints/", "the state to continue from (--resume true)"),)),
    "LazySummaryWriter": ("log_dir", (("", "curves and pictures for TensorBoard"),)),
    "EncoderSaver": (
        "folder",
        (
            ("encoder.pt", "the encoder, after the last epoch"),
            ("encoder.json", "what must be known to use it"),
            ("heads.pt", "projection and stage heads"),
            ("seen_images.json", "which images it has seen, for the owner of the key"),
        ),
    ),
    "ClassifierSaver": (
        "folder",
        (
            ("classifier.pt", "the classifier of the chosen epoch or penalty"),
            ("classifier.json", "what must be known to use it"),
            ("labelled.json", "which images had labels, and how they were drawn"),
            ("validation_predictions.csv", "what thresholds and recalibration were chosen on"),
            ("typical_features.safetensors", "what its images look like, to notice others"),
            ("seen_images.json", "which images it has seen, for the owner of the key"),
        ),
    ),
    "EvaluationSaver": (
        "folder",
        (
            ("predictions.csv", "probabilities of every image"),
            ("metrics.json", "metrics with their intervals"),
            ("reliability.png, .svg", "whether probabilities mean what they say"),
            ("decision_curve.png, .svg", "net benefit beside treating all and none"),
            ("subgroups.png, .svg", "measures by sex, age, view..., where there are such columns"),
        ),
    ),
    "WorstErrors": ("folder", (("worst_errors.png", "pictures of the worst errors"),)),
    "InferenceTable": ("folder", (("classified.csv", "probabilities and decisions, a row an image"),)),
    "EncoderAnalysis": (
        "folder",
        (
            (ANALYSIS_NAME, "all numbers of the analysis"),
            (REUSE_TABLE, "what fine-tuning left as it was; where there is a fine-tuned run"),
            (f"{PROBING}/", "what each stage tells of the labels; where there are labels"),
            (DISTANCE_TABLE, "how far few labels are from all; where both runs are tested"),
            (f"{FIGURES}/", "the same drawn, as PNG and SVG"),
            (f"{TENSORBOARD}/", "the same for TensorBoard, with its projector"),
        ),
    ),
    "GradCAMOverlays": ("folder", (("grad_cam/", "sheets of where the evidence lies"),)),
    **dict.fromkeys(
        ("MoCoTrainer", "ClassifierTrainer"), ("debug_dir", (("", "a report, should a loss not be finite"),))
    ),
}
_STEPS = ("imports", "initialize", "run", "finalize")
AT_RUN_TIME = "known when the run starts"
# What a run works out for itself, in words: an expression says nothing to who reads a plan.
_IN_WORDS = {
    "device": "a GPU if there is one, else the CPU",
    "num_workers": "none for a CPU, some for a GPU",
}
# What linear evaluation by L-BFGS has no use for.
_OF_GRADIENT = ("Checkpoints", "ClassifierTrainer")


@dataclass(frozen=True)
class Section:
    """Rows of name, value and note under a title."""

    title: str
    rows: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Plan:
    """What a command would do.

    Attributes:
        sections: to be shown in this order.
        refusals: what would stop the run before its first step, with the exit code of each, the first one first.
    """

    sections: tuple[Section, ...]
    refusals: tuple[tuple[str, int], ...]


@dataclass
class _Data:
    """What the list of the dataset folder says; empty until it is read, and where there is none."""

    images: dict[str, int] = field(default_factory=dict)  # by split
    sha256: str | None = None


def make_plan(checked: Checked) -> Plan:
    """Work out the plan of a checked command.

    Raises:
        UsageError: a constant cannot be worked out: it refers to nothing, or in a circle, or divides by 0.
    """
    evaluator = Evaluator(checked.config)
    refusals: list[tuple[str, int]] = []
    data = _Data()
    try:
        check_ranges(_decided_settings(evaluator))
    except SettingsError as error:
        refusals.append((str(error), error.exit_code))
    # In the order of the run, which looks at the data first and at the run folder then.
    sections = (
        Section("Configs", tuple(_found_by_name(checked))),
        Section("Settings", tuple(_settings(checked, evaluator))),
        Section("Changed besides", tuple(_other_changes(checked))),
        Section("Data", tuple(_data(evaluator, data, refusals))),
        Section("Written", tuple(_written(evaluator, data, refusals))),
        Section("Steps", tuple(_steps(evaluator, data.images, refusals))),
    )
    return Plan(tuple(section for section in sections if section.rows), tuple(refusals))


def _found_by_name(checked: Checked) -> Iterator[tuple[str, str, str]]:
    words = zip(checked.files.given, checked.files.files, strict=True)
    return ((word, file, "") for word, file in words if word != file)


def decide_constants(checked: Checked) -> dict[str, Any]:
    """Work out the constants in ``settings``, those left out that only a run can tell.

    Raises:
        UsageError: one cannot be worked out at all. The other parts of a config may never be needed.
    """
    return _decided_settings(Evaluator(checked.config))


def _decided_settings(evaluator: Evaluator) -> dict[str, Any]:
    names = evaluator.config.get("settings")
    values = {name: _decided(evaluator, f"settings#{name}") for name in (names if isinstance(names, dict) else ())}
    return {name: value for name, value in values.items() if value is not _UNKNOWN}


_UNKNOWN = object()


def _decided(evaluator: Evaluator, setting: str) -> Any:
    if not has(evaluator.config, setting):
        return _UNKNOWN
    try:
        return evaluator.value(setting)
    except Undecided:
        return _UNKNOWN


def _constants(config: dict[str, Any]) -> list[str]:
    """Names of the constants in the config's order."""
    settings = config.get("settings")
    if not isinstance(settings, dict):
        return [name for name, value in config.items() if _is_constant(value) and name not in _STEPS]
    wanted = {*settings, *_PLACES}
    return [name for name in config if name in wanted and name != "settings"]


def _is_constant(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _settings(checked: Checked, evaluator: Evaluator) -> Iterator[tuple[str, str, str]]:
    base = Evaluator(checked.files.layers[0])
    for name in _constants(checked.config):
        value = _shown(evaluator, name, given=name in checked.overrides)
        before = _shown(base, name) if has(base.config, name) else None
        source = _source(checked, name)
        if not source and before is not None and before != value:
            source = "follows"
        was = "" if before in (None, value) else f", was {before}"
        yield name, value, f"{source}{was}" if source else ""
    for name in settings if isinstance(settings := checked.config.get("settings"), dict) else ():
        if name not in checked.config:  # it stands in ``settings`` alone
            yield name, _shown(evaluator, f"settings#{name}"), ""


def _shown(evaluator: Evaluator, name: str, given: bool = False) -> str:
    """A value, or in words what a run will work out; with what it comes from, above all where it was given."""
    try:
        return _text(evaluator.value(name))
    except Undecided:
        words = _IN_WORDS.get(name.rpartition("#")[2])
        if words and not given:
            return f"{AT_RUN_TIME}: {words}"
        raw = find(evaluator.config, name)
        others = dict.fromkeys(referred(raw)) if isinstance(raw, str) else ()
        return f"{AT_RUN_TIME}, from {', '.join(others)}" if others else AT_RUN_TIME


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "none" if value is None else json.dumps(value, default=str)


def _source(checked: Checked, name: str) -> str:
    """Name what changed a constant, or a part of it, last; empty for the first file."""
    if any(_concerns(setting, name) for setting in checked.overrides):
        return "command line"
    places = [place for setting, place in checked.files.origin.items() if _concerns(setting, name)]
    return checked.files.names[max(places)] if places and max(places) > 0 else ""


def _concerns(setting: str, name: str) -> bool:
    return setting == name or setting.startswith(f"{name}#")


def _other_changes(checked: Checked) -> Iterator[tuple[str, str, str]]:
    constants = set(_constants(checked.config))
    for setting, place in checked.files.origin.items():
        if place > 0 and setting.partition("#")[0] not in constants and setting not in checked.overrides:
            yield setting, _brief(find(checked.config, setting)), checked.files.names[place]
    for setting in checked.overrides:
        if setting.partition("#")[0] not in constants:
            yield setting, _brief(find(checked.config, setting)), "command line"


def _brief(value: Any) -> str:
    if isinstance(value, dict) and "_target_" in value:
        return str(value["_target_"])
    text = _text(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _data(evaluator: Evaluator, data: _Data, refusals: list[tuple[str, int]]) -> Iterator[tuple[str, str, str]]:
    from monai_mocoi.data.datalist import load_datalist, load_to_pretrain
    from monai_mocoi.data.enough_images import check_enough_to_pretrain, check_learnable
    from monai_mocoi.data.labels import check_labels_meant, labelled_items
    from monai_mocoi.data.new_images import find_new_images
    from monai_mocoi.demo.dataset_dir import resolve_dataset_dir
    from monai_mocoi.demo.generate import DEMO_VERSIONS
    from monai_mocoi.errors import DatasetError
    from monai_mocoi.files.cache_dir import user_cache_dir

    pretrains, learns_labels = "MoCoTrainer" in _targets(evaluator.config), has(evaluator.config, "labelled")
    yield from _classifier_read(evaluator, refusals)
    yield from _encoder_read(evaluator)
    images = _decided(evaluator, "images")
    if images is not None and images is not _UNKNOWN:
        try:
            yield "images", f"{len(find_new_images(images))} new ones", ""
        except DatasetError as error:
            refusals.append((str(error), error.exit_code))
            yield "images", "none that can be used", ""
        return
    named, modality = _decided(evaluator, "dataset_dir"), _decided(evaluator, "modality")
    if not isinstance(named, str) or (named == "demo" and not isinstance(modality, str)):
        return
    is_demo = named == "demo" and modality in DEMO_VERSIONS
    weights = _weights_read(evaluator)
    try:
        check_drawn_or_real(named, weights)
    except WeightsError as error:
        refusals.append((str(error), error.exit_code))
        yield "images", "none that can be used", ""
        return
    try:
        if is_demo:  # where resolve_dataset_dir would draw them
            folder = str(user_cache_dir() / "demo" / f"{modality}-{DEMO_VERSIONS[modality]}")
        else:
            folder = resolve_dataset_dir(named, str(modality))
        yield "folder", folder, "generated phantoms, no medical data" if is_demo else ""
        if is_demo and not Path(folder).exists():
            yield "images", "not made yet: the first run draws them", ""
            return
        datalist = (load_to_pretrain if pretrains else load_datalist)(folder)
    except DatasetError as error:
        refusals.append((str(error), error.exit_code))
        yield "images", "none that can be used", ""
        return
    try:
        if learns_labels:
            check_learnable(labelled_items(datalist.training) or datalist.training, datalist.labels)
            meant = {name: _decided(evaluator, name) for name in ("labels", "label_kind")}
            labels, kind = (None if value is _UNKNOWN else value for value in meant.values())
            check_labels_meant(datalist, labels, kind, is_demo)
        elif pretrains:
            check_enough_to_pretrain(datalist)
    except DatasetError as error:
        refusals.append((str(error), DATA))
    data.sha256 = datalist.sha256
    for split, items in datalist.splits().items():
        data.images[split] = len(items)
        without = len(items) - len(labelled_items(items)) if learns_labels else 0
        note = f"{without} without a label" if without else ""
        yield split, f"{len(items)} images of {len({item['patient'] for item in items})} patients", note


def _classifier_read(evaluator: Evaluator, refusals: list[tuple[str, int]]) -> Iterator[tuple[str, str, str]]:
    weights = _classifier_place(evaluator)
    if weights is None:
        return
    yield "classifier", weights if weights.endswith(".pt") else str(Path(weights, CLASSIFIER_NAME)), ""
    try:
        path = classifier_path(weights)
        sidecar = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        modality, bundle = (_decided(evaluator, name) for name in ("modality", "bundle"))
        check_modality(sidecar, modality if isinstance(modality, str) else None, str(bundle))
        if _decided(evaluator, "recalibrate") is True:
            from monai_mocoi.runs.recalibration_check import refuse_without_recalibration

            refuse_without_recalibration(sidecar.get("recalibration"))
    except (WeightsError, SettingsError) as error:
        refusals.append((str(error), error.exit_code))
    except (OSError, ValueError, AttributeError):
        return  # the run says what is wrong with the sidecar


def _classifier_place(evaluator: Evaluator) -> str | None:
    """The classifier that evaluation and inference read; they write no run folder."""
    run_dir, weights = (_decided(evaluator, name) for name in ("run_dir", "weights"))
    if not isinstance(weights, str) and isinstance(run_dir, str) and "RunFolder" not in _targets(evaluator.config):
        weights = run_dir
    return weights if isinstance(weights, str) else None


def _weights_read(evaluator: Evaluator) -> str | None:
    """What the config starts from or tests; None: nothing, a package's own model, or only a run can tell."""
    pretrained, packaged = (_decided(evaluator, name) for name in ("pretrained", "packaged"))
    weights = pretrained if isinstance(pretrained, str) else _classifier_place(evaluator)
    return None if weights == packaged else weights


def _encoder_read(evaluator: Evaluator) -> Iterator[tuple[str, str, str]]:
    pretrained = _decided(evaluator, "pretrained")
    if not isinstance(pretrained, str) or not (known := known_images(pretrained)):
        return
    other = {known.get("modality"), _decided(evaluator, "modality")} - {None, _UNKNOWN}
    note = f"; THIS BUNDLE: {evaluator.value('modality')}" if len(other) > 1 else ""
    yield "encoder", pretrained, images_in_words(known) + note


def _targets(config: dict[str, Any]) -> set[str]:
    """Names of the classes and functions that the config calls."""
    parts = (part for _, part in walk(config) if isinstance(part, dict) and "_target_" in part)
    return {str(part["_target_"]).rpartition(".")[2] for part in parts}


def _steps(
    evaluator: Evaluator, images: dict[str, int], refusals: list[tuple[str, int]]
) -> Iterator[tuple[str, str, str]]:
    if not has(evaluator.config, "train#trainer") or not has(evaluator.config, "batch_size"):
        return
    batch, accumulation, epochs, processes = (
        _decided(evaluator, name) if has(evaluator.config, name) else 1
        for name in ("train#dataloader#batch_size", "accumulation_steps", "train#trainer#max_epochs", "world_size")
    )
    yield "processes", _number(processes), "from torchrun" if processes is _UNKNOWN else ""
    if not images or not all(_is_count(n) for n in (batch, accumulation, epochs)):
        note = "by the number of images with labels" if images and has(evaluator.config, "labelled") else ""
        yield "iterations", AT_RUN_TIME, note
        return
    if processes is _UNKNOWN:
        yield "iterations", f"{AT_RUN_TIME}: {images['training']} images / ({batch} x processes)", "an epoch"
        return
    together = batch * processes
    drop_last = _decided(evaluator, "train#dataloader#drop_last") is True
    iterations = images["training"] // together if drop_last else math.ceil(images["training"] / together)
    steps = math.ceil(iterations / accumulation)
    yield "iterations", f"{iterations} an epoch, {iterations * epochs} in all", f"{together} images each"
    yield "optimiser steps", f"{steps} an epoch, {steps * epochs} in all", f"{epochs} epoch(s)"
    if iterations < 1:
        refusals.append(
            (
                f"the training split has {images['training']} image(s), but {together} are needed: lower batch_size.",
                DATA,
            )
        )
    elif images["validation"] < 2 and has(evaluator.config, "validate#evaluator"):
        refusals.append((f"the validation split has {images['validation']} image(s), but 2 are needed.", DATA))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _number(value: Any) -> str:
    return AT_RUN_TIME if value is _UNKNOWN else str(value)


def _written(evaluator: Evaluator, data: _Data, refusals: list[tuple[str, int]]) -> Iterator[tuple[str, str, str]]:
    from monai_mocoi.errors import HomeFolderError, RunFolderError
    from monai_mocoi.files.cache_dir import user_cache_dir
    from monai_mocoi.runs.product_folders import check_analysis_folder, check_evaluation_folder, check_inference_folder

    pretrained = _decided(evaluator, "pretrained")
    if isinstance(pretrained, str) and pretrained != "none":
        try:
            check_weights_place(pretrained)
        except WeightsError as error:
            refusals.append((str(error), error.exit_code))
    run_dir, targets = _decided(evaluator, "run_dir"), _targets(evaluator.config)
    if isinstance(run_dir, str) and "RunFolder" in targets:
        yield "run folder", run_dir, _state_of(Path(run_dir), evaluator, data, refusals)
    rows: dict[str, str] = {}
    fits_once = _decided(evaluator, "solver") == "lbfgs"
    for _, part in walk(evaluator.config):
        kind = str(part["_target_"]).rpartition(".")[2] if isinstance(part, dict) and "_target_" in part else ""
        if kind not in _PRODUCTS or _is_disabled(evaluator, part) or (fits_once and kind in _OF_GRADIENT):
            continue
        argument, files = _PRODUCTS[kind]
        if argument not in part:
            continue
        folder = _folder_argument(evaluator, part[argument])
        rows |= {str(Path(folder, name)) + ("/" if name[-1:] in ("/", "") else ""): what for name, what in files}
    yield from (("", place, what) for place, what in rows.items())
    checks: dict[str, Callable[[Path, bool], None]] = {
        "inference_dir": check_inference_folder,
        "evaluation_dir": check_evaluation_folder,
        "analysis_dir": check_analysis_folder,
    }
    for setting, check in checks.items():
        if isinstance(folder := _decided(evaluator, setting), str):
            try:
                check(Path(folder), _decided(evaluator, "overwrite") is True)
            except RunFolderError as error:
                refusals.append((str(error), error.exit_code))
    if "ImageDataset" in targets:
        try:
            yield "cache", str(user_cache_dir() / "decoded"), _cache_size(evaluator, data.images)
        except HomeFolderError as error:
            if (str(error), error.exit_code) not in refusals:  # the demo data lie there too
                refusals.append((str(error), error.exit_code))


def _is_disabled(evaluator: Evaluator, part: dict[str, Any]) -> bool:
    try:
        disabled = Evaluator({**evaluator.config, "_wanted_": part.get("_disabled_", False)}).value("_wanted_")
    except Undecided:
        return False
    return disabled.lower() == "true" if isinstance(disabled, str) else bool(disabled)


def _folder_argument(evaluator: Evaluator, raw: Any) -> str:
    try:
        return str(Evaluator({**evaluator.config, "_wanted_": raw}).value("_wanted_"))
    except Undecided:
        return f"({AT_RUN_TIME})"


def _cache_size(evaluator: Evaluator, images: dict[str, int]) -> str:
    side, channels, bits = (_decided(evaluator, name) for name in ("decode_size", "channels", "cache_bits"))
    twice = ", twice that in 16 bits" if bits == "auto" else ""
    bits = 8 if bits == "auto" else bits
    if not images or not all(_is_count(n) for n in (side, channels, bits)):
        return "decoded images, used again by later runs"
    size = (images["training"] + images["validation"]) * side * side * channels * bits / 8 / 2**20
    return f"decoded images, {size:.0f} MiB{twice}, used again by later runs"


def _state_of(folder: Path, evaluator: Evaluator, data: _Data, refusals: list[tuple[str, int]]) -> str:
    """Say what is in the run folder and what the run would do with it."""
    from monai_mocoi.errors import RunFolderError
    from monai_mocoi.runs.run_folder_check import check_usable, find_run

    overwrite, resume = (_decided(evaluator, name) is True for name in ("overwrite", "resume"))
    settings = json.loads(json.dumps(_decided_settings(evaluator), default=str))
    names = evaluator.config.get("settings")
    undecided = set(names) - set(settings) if isinstance(names, dict) else set()
    epochs = _decided(evaluator, "max_epochs")
    try:
        run = check_usable(
            folder, overwrite, resume, settings, undecided, data.sha256, epochs if _is_count(epochs) else None
        )
    except RunFolderError as error:
        refusals.append((str(error), error.exit_code))
        run = find_run(folder)
        if run is None:
            return "holds something else" if folder.exists() else "new"
        return f"holds a run ({run.manifest['status']})"
    if run is None:
        return "new"
    if resume:
        newest = run.newest.name if run.newest else "its beginning: no checkpoint yet"
        return f"holds a run ({run.manifest['status']}); continued from {newest}"
    return f"holds a run ({run.manifest['status']}); DELETED when the run starts (overwrite)"
