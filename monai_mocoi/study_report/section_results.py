"""Sections of results: label efficiency, linear evaluation, and fine-tuning."""

from monai_mocoi.figures.arm_lines import ArmPanel, ArmPoint, arm_lines_figure
from monai_mocoi.study_report.blocks import Bullets, Picture, Section, Table, Text
from monai_mocoi.study_report.measured_cells import Cell
from monai_mocoi.study_report.published import is_published, published, what_differs
from monai_mocoi.study_report.sources import shown_links
from monai_mocoi.study_report.study_results import StudyResults, within
from monai_mocoi.study_report.tested_run import EVALUATIONS, fraction_in_short
from monai_mocoi.study_report.verdict import points

_TITLES = {"linear": "Linear evaluation (frozen encoder)", "finetune": "Fine-tuning (all weights)"}
_COLUMNS: tuple[str, ...] = ("dataset", "evaluation", "label_fraction", "stage", "arm", "value", "low", "high")
_COLUMNS += ("standard_error", "degrees", "label_draws", "pretrainings", "patients", "lowest_run", "highest_run")
_COLUMNS += ("runs_used", "runs_asked", "paper", "runs")


def label_efficiency_section(study: StudyResults) -> Section:
    """The figure of the metric by label fraction, a panel for each kind of evaluation, of each data set."""
    section = Section("efficiency", "Label efficiency")
    for place, dataset in enumerate(study.datasets, start=1):
        words = study.words_of(dataset)
        for evaluation, title in EVALUATIONS.items():
            lines: dict[str, list[ArmPoint]] = {}
            ticks: dict[float, str] = {}
            for cell in study.cells_of(dataset, evaluation):
                if (mean := cell.number()) is None:
                    continue
                value, low, high = (100 * own for own in within(mean))
                fraction, runs = cell.key[2], [100 * own.value for own in cell.runs]
                ticks[fraction] = f"{100 * fraction:g} %"
                lines.setdefault(study.words(cell.key[4]), []).append(ArmPoint(fraction, value, (low, high), runs))
            if not lines:
                continue
            panel, ylabel = [ArmPanel(f"{title}, {words}", lines)], f"{study.metric.words}, %"
            order = dict(sorted(ticks.items()))
            figure = arm_lines_figure(panel, study.order(lines), ylabel, "share of the labels", order, True)
            alt = f"{study.metric.words} against the share of the labels, {title} on {words}; numbers: in the tables."
            caption = (
                f"{title.capitalize()} on {words}. Lines: mean over label draws and pretrainings, with its 95 % "
                "interval over patients (and label draws where there are several). Small open points: single runs."
            )
            section.blocks.append(Picture(f"label_efficiency_{evaluation}_{place}", figure, alt, caption, half=True))
    return section.or_say("No arm has a number at any label fraction.")


def evaluation_section(study: StudyResults, evaluation: str) -> Section:
    """The table of each data set, with the paper's numbers where it is the same one."""
    section = Section(evaluation, _TITLES[evaluation])
    for dataset in study.datasets:
        cells = study.cells_of(dataset, evaluation)
        if not cells:
            continue
        own = study.name_of(dataset)
        beside = is_published(own) and any(paper_number(study, own, cell) for cell in cells)
        table = _table(study, dataset, evaluation, cells, own if beside else "")
        section.blocks.append(table)
        if beside and any(paper_number(study, own, cell) for cell in study.cells_of(dataset, _before(evaluation))):
            section.blocks.append(
                Text("What differs from the paper's measurement stands in the section before.", "note")
            )
        elif beside:
            test = study.sets.get(dataset)
            section.blocks.append(Text("What differs from the paper's measurement", "head"))
            facts = what_differs(own, test.count if test else 0, test.patients if test else 0)
            section.blocks.append(Bullets([Text(sentence) for sentence in facts]))
    return section.or_say(f"There is no {EVALUATIONS[evaluation]} among these runs.")


def _before(evaluation: str) -> str:
    return "linear" if evaluation == "finetune" else ""


def paper_number(study: StudyResults, name: str, cell: Cell) -> object:
    """What the paper has of the same arm and share of the labels, on a data set of this name; None: nothing."""
    arm = study.arms.get(cell.key[4])
    if arm is None or arm.loss or study.metric.label is not None:
        return None
    return published(name, cell.key[1], cell.key[2], arm.kind, study.metric.name)


def _table(study: StudyResults, dataset: str, evaluation: str, cells: list[Cell], name: str) -> Table:
    metric, place = study.metric.words, study.datasets.index(dataset) + 1
    header = ["labels", "arm", f"{metric}, % (95 % CI)", "label draws", "pre-trainings", "single runs, %"]
    header += ["paper, % (95 % CI)"] if name else []
    table = Table(
        f"{evaluation}_{place}", f"{EVALUATIONS[evaluation].capitalize()}, {study.words_of(dataset)}",
        [*header, "runs"], columns=_COLUMNS,
        note="With one label draw the interval is over patients alone; with more it is over patients and draws. "
        "Pretrainings are not in it.",
    )  # fmt: skip
    stages = {cell.key[3] for cell in cells}
    for cell in cells:
        _, _, fraction, stage, arm = cell.key
        paper = paper_number(study, name, cell) if name else None
        links = [study.sources.of(one.run.place, one.run) for one in cell.runs]
        mean, runs = cell.number(), [one.value for one in cell.runs]
        encoders = len(cell.encoders)
        where = fraction_in_short(fraction) + (f", stage {stage}" if len(stages) > 1 else "")
        numbers: list[object] = [None] * 5
        if mean is None:
            shown, spread = f"none: {cell.trouble}", "–"
        else:
            value, low, high = within(mean)
            numbers = [value, low, high, mean.standard_error, mean.degrees]
            shown = f"{points(value)} ({points(low)} to {points(high)})"
            shown += f"; {len(runs)} of {len(cell.expected)} runs" if len(runs) < len(cell.expected) else ""
            spread = f"{points(min(runs))} to {points(max(runs))}" if len(runs) > 1 else "one run"
        row = [where, study.words(arm), shown, str(len(cell.draws)), str(encoders or "none"), spread]
        row += [paper.words if paper else "–"] if name else []  # type: ignore[attr-defined]
        table.rows.append([*row, shown_links(links)])
        patients = mean.patients if mean else None
        ends = [min(runs, default=None), max(runs, default=None)]
        counts = [len(runs), len(cell.expected)]
        tail = [len(cell.draws), encoders, patients, *ends, *counts, paper.words if paper else None]  # type: ignore[attr-defined]
        table.values.append(
            [dataset, evaluation, fraction, stage, arm, *numbers, *tail, " ".join(x.text for x in links)]
        )
    return table
