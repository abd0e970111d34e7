"""Checks of a planned study, before anything runs: every command as ``mocoi plan`` checks it, and every draw of labels.

Commands that differ only in their folders, seeds, fractions and draws, which the study has checked itself, are alike
to ``mocoi plan``: of these it is asked once.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from monai_mocoi.cli.messages import with_hint
from monai_mocoi.cli.overrides import check_command
from monai_mocoi.cli.plan import make_plan
from monai_mocoi.cli.planned_settings import OF_THE_STUDY, checked_linear, placed_words
from monai_mocoi.data import Datalist, load_datalist, require_images
from monai_mocoi.data.label_fraction import label_subset
from monai_mocoi.demo.dataset_dir import demo_folder
from monai_mocoi.errors import MocoiError
from monai_mocoi.networks.architectures import ARCHITECTURES
from monai_mocoi.networks.weights_architecture import name_of_weights
from monai_mocoi.study import Study, StudyPlan
from monai_mocoi.study.grid import DEMO, PHANTOMS
from monai_mocoi.study.study_file import Arm, StudyDataset

_VARIES = {"--seed", "--label_fraction", "--label_seed", "--output_dir", "--run_dir", "--evaluation_dir", "--out"}
_VARIES |= {"--analysis_dir", "--finetuned", "--few_labels", "--all_labels"}


def refusals(study: Study, plan: StudyPlan) -> dict[str, list[str]]:
    """What would be refused, in words, and the ids of its nodes, data set or arm; ``study`` is placed."""
    found: dict[str, list[str]] = {}
    known: dict[tuple[str, ...], list[str]] = {}
    for node in plan.nodes:
        for words in node.commands:
            alike = tuple(_without_what_varies(words))
            if alike not in known:
                known[alike] = list(_refused(words, Path(study.output_dir)))
            for text in known[alike]:
                found.setdefault(text, []).append(node.id)
    with _quiet():
        for dataset in study.datasets:
            for text in _of_data(study, dataset):
                found.setdefault(text, []).append(dataset.id)
        for arm in study.arms:
            for text in _of_weights(arm):
                found.setdefault(text, []).append(arm.id)
    return found


def _without_what_varies(words: Sequence[str]) -> Iterator[str]:
    previous = ""
    for word in words:
        made_here = previous == "--pretrained" and word.startswith(OF_THE_STUDY)
        yield "..." if previous in _VARIES or made_here else word
        previous = word


def _refused(words: Sequence[str], folder: Path) -> Iterator[str]:
    """What one command would be refused for, seen from the study folder, which is not there yet."""
    _, command, *rest = words
    try:
        if command == "baselines":
            return
        placed = placed_words(rest, folder)
        for place, word in enumerate(rest):
            if word == "--pretrained" and rest[place + 1].startswith(OF_THE_STUDY):
                placed[place + 1] = "none"  # it will be made before
        if command == "linear":
            checked = checked_linear(placed).finetune
        else:
            checked = check_command(placed)
            checked.check()
        if Path(checked.files.files[0]).stem in ("train", "finetune"):  # others read what is not there yet
            for text, _ in make_plan(checked).refusals:
                yield text
    except MocoiError as error:
        yield with_hint(error)


def _of_data(study: Study, dataset: StudyDataset) -> Iterator[str]:
    """What is wrong with a data set that only this study asks of it: its draws, its classes, its external test."""
    demo = dataset.dataset_dir == DEMO
    folder = demo_folder(PHANTOMS[dataset.modality]) if demo else Path(dataset.dataset_dir)
    if demo and not folder.exists():
        return
    try:
        datalist = load_datalist(folder)
    except MocoiError as error:
        yield with_hint(error)
        return
    label = study.metric.label
    if label is not None and study.primary.dataset == dataset.id and label not in datalist.labels:
        yield f"metric.label is {label!r}, but {dataset.id} has the labels {', '.join(datalist.labels)}"
    fewest = min(study.fractions)  # a larger share of a draw has all of its images
    for seed in study.label_seeds:
        try:
            drawn = label_subset(datalist, fewest, seed, study.settings.get("finetune", {}).get("validation_labels"))
            require_images(drawn.datalist, training=2, validation=1)
        except MocoiError as error:
            yield f"fraction {fewest:g}, draw {seed}: {with_hint(error)}"
    if dataset.external_dir is not None:
        yield from _of_external(datalist, dataset.external_dir)


def _of_external(datalist: Datalist, external_dir: str) -> Iterator[str]:
    try:
        external = load_datalist(external_dir)
    except MocoiError as error:
        yield f"external_dir: {with_hint(error)}"
        return
    if not set(datalist.labels) & set(external.labels):
        own, theirs = ", ".join(datalist.labels), ", ".join(external.labels)
        yield f"external_dir has the labels {theirs}, none of which the data set has ({own})"
    elif not external.test:
        yield "external_dir has no test images: prepare it with some"


def _of_weights(arm: Arm) -> Iterator[str]:
    """Given weights of another architecture than the arm's, which its folders and the report are to name."""
    found = name_of_weights(arm.weights) or arm.architecture
    if found != arm.architecture:
        remedy = f"write architecture: {found}" if found in ARCHITECTURES else f"give those of a {arm.architecture}"
        yield f"its weights are those of a {found}, but its architecture is {arm.architecture}: {remedy}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out warnings of draws, which the runs themselves will tell."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
