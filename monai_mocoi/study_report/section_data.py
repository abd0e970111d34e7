"""Section of data and arms: what was compared on whom, with a flow diagram and tables of patients."""

import json
from collections.abc import Mapping
from typing import Any

from data_prep.account import Count, Step
from data_prep.flow_diagram import flow_diagram
from monai_mocoi.data.labelled_images import LabelledImages
from monai_mocoi.figures.flow_boxes import flow_figure
from monai_mocoi.study_report.blocks import Picture, Section, Table, Text
from monai_mocoi.study_report.found_runs import FoundRuns
from monai_mocoi.study_report.measured_cells import TestSet
from monai_mocoi.study_report.sources import shown_links
from monai_mocoi.study_report.study_results import StudyResults
from monai_mocoi.study_report.tested_run import TestedRun, fraction_in_short, fraction_in_words

_SPLITS = ("training", "validation")


def data_section(study: StudyResults) -> Section:
    """What the plan fixed, the arms, and for each data set its flow, its test patients and its labelled images."""
    section = Section("compared", "What was compared on what")
    if (plan := study.found.plan) is not None:
        section.blocks.append(
            Text(
                f"Study {plan.name}. Plan (SHA-256 of plan.json without this entry): {plan.hash}. It fits the file, so "
                f"nothing in the plan was changed after it was made. {_metric(study)}"
            )
        )
    else:
        section.blocks.append(Text(_metric(study)))
    arms = Table("arms", "Arms", ("arm", "name in the folders", "what it is", "tested runs"))
    for arm in study.arms.values():
        count = sum(len(cell.runs) for cell in study.cells.values() if cell.key[4] == arm.name)
        if arm.kind != "baseline":
            arms.rows.append([arm.words, arm.name, arm.meaning, str(count)])
    section.blocks.append(arms)
    for place, dataset in enumerate(study.datasets, start=1):
        _dataset(study, section, dataset, place)
    return section


def _metric(study: StudyResults) -> str:
    other = study.planned_metric
    return f"Metric: {study.metric.words}" + (f", chosen at report time (planned: {other.words})." if other else ".")


def _dataset(study: StudyResults, section: Section, dataset: str, place: int) -> None:
    words, test = study.words_of(dataset), study.sets.get(dataset)
    section.blocks.append(Text(words, "head"))
    runs = [run for run in study.found.tested if run.dataset == dataset and run.role == "test"]
    drawn = _drawn(study.found, runs)
    if drawn and test is not None:
        fraction = max(key[0] for key in drawn)
        counts = next(own for key, (own, _) in drawn.items() if key[0] == fraction)
        section.blocks.append(_flow(words, place, counts, fraction, runs[0], (test.count, test.patients)))
    if test is not None:
        table = Table(
            f"test_patients_{place}", f"Test images of {words}",
            ("label", "positive images", "of patients", "negative images", "not known", "run"),
            note=f"{test.count:,} images of {test.patients:,} patients. The metric is made of the labels "
            f"{', '.join(test.scored) or '(none)'}.",
        )  # fmt: skip
        code = study.sources.of(runs[0].place, runs[0])
        for name, own in runs[0].known["counts"].items():
            table.rows.append([name, *_sides(test, name, own), code])
        for own in test.left_out:
            table.rows.append([f"{own['class']} (left out: {own['reason']})", *_sides(test, own["class"], own), code])
        section.blocks.append(table)
    if drawn:
        section.blocks.append(_labelled(study, words, place, drawn))
    else:
        section.blocks.append(Text("No run folder says which images were labelled (labelled.json)."))


def _sides(test: TestSet, name: str, counts: Mapping[str, Any]) -> list[str]:
    numbers = counts["positives"], test.positive_patients[name], counts["negatives"], counts.get("unknown", 0)
    return [f"{number:,}" for number in numbers]


Drawn = dict[tuple[float, int], tuple[Mapping[str, Any], TestedRun]]


def _drawn(found: FoundRuns, runs: list[TestedRun]) -> Drawn:
    """The counts of each label fraction and draw, of the first run that has them."""
    drawn: Drawn = {}
    for run in runs:
        key = run.fraction, run.label_seed
        if key in drawn:
            continue
        for folder in (run.folder, run.folder.parent):
            try:
                content = json.loads((folder / LabelledImages.FILE).read_text(encoding="utf-8"))
                drawn[key] = {split: dict(content["counts"][split]) for split in _SPLITS}, run
                break
            except (OSError, ValueError, KeyError, TypeError):
                continue
    return drawn


def _flow(
    words: str, place: int, counts: Mapping[str, Any], fraction: float, run: TestedRun, tested: tuple[int, int]
) -> Picture:
    """From the images with a place in a split to those that were learnt from and tested."""
    unread, unlabelled = int(run.known["skipped_images"]), int(run.known.get("unlabelled_images") or 0)
    without = {split: int(counts[split].get("unlabelled", 0)) for split in _SPLITS}
    of = {split: int(counts[split]["of"]) for split in _SPLITS}
    hidden = {split: of[split] - int(counts[split]["images"]) for split in _SPLITS}
    all_images = sum(of.values()) + sum(without.values()) + tested[0] + unread + unlabelled
    share = fraction_in_words(fraction)
    first = {f"{split}, without a label": number for split, number in without.items()}
    first |= {"test, without a label": unlabelled, "test, cannot be read": unread}
    flow = [Step("Images in the dataset folder", all_images, first)] if any(first.values()) else []
    if any(hidden.values()):
        flow.append(
            Step(
                "Images with a label",
                all_images - sum(first.values()),
                {f"{s}, label not used": n for s, n in hidden.items()},
            )
        )
    splits = {split: Count(int(counts[split]["images"]), int(counts[split]["patients"])) for split in _SPLITS} | {
        "test": Count(*tested)
    }
    diagram = flow_diagram(flow, splits, "Images learnt from or tested")
    total = ", ".join(f"{name}: {own.images:,} images of {own.patients:,} patients" for name, own in splits.items())
    caption = f"{words}, {share}. How many of the images a run with these labels uses; a patient is in one split only."
    return Picture(f"flow_{place}", flow_figure(diagram), f"Flow diagram. {total}.", caption)


def _labelled(study: StudyResults, words: str, place: int, drawn: Drawn) -> Table:
    header = ("labels", "draw", "training images (patients)", "validation images (patients)", "run")
    columns = [f"{split}_{what}" for split in _SPLITS for what in ("images", "patients", "of")]
    table = Table(
        f"labelled_{place}", f"Labelled images of {words}", header,
        columns=("label_fraction", "label_seed", *columns),
    )  # fmt: skip
    for (fraction, seed), (counts, run) in sorted(drawn.items(), key=lambda own: (-own[0][0], own[0][1])):
        shown = [f"{counts[split]['images']:,} ({counts[split]['patients']:,})" for split in _SPLITS]
        link = shown_links([study.sources.of(run.place, run)])
        table.rows.append([fraction_in_short(fraction), str(seed), *shown, link])
        values = [counts[split][what] for split in _SPLITS for what in ("images", "patients", "of")]
        table.values.append([fraction, seed, *values])
    return table
