"""Section of the chosen arm: calibration, decision curves, subgroups, baselines and external tests of one run."""

import json
from collections.abc import Mapping
from typing import Any

from monai_mocoi.figures.reliability import decision_curve_figures, reliability_figures
from monai_mocoi.figures.subgroups import subgroup_figure
from monai_mocoi.study_report.blocks import Link, Picture, Section, Table, Text, number_in_hundredths, number_of
from monai_mocoi.study_report.chosen_beside import add_baselines, add_external
from monai_mocoi.study_report.interval_levels import Levels
from monai_mocoi.study_report.study_results import StudyResults
from monai_mocoi.study_report.tested_run import EVALUATIONS, RANDOM, SUPERVISED, TestedRun, fraction_in_words
from monai_mocoi.study_report.verdict import p_in_words


def chosen_run(study: StudyResults, arm: str | None = None) -> tuple[TestedRun | None, str]:
    """One run of the arm, and by what it was chosen: the plan, or the order of the arms, never its result."""
    tests = [run for run in study.found.tested if run.role == "test"]
    plan = study.found.plan
    if plan is not None:
        own = plan.primary
        there = [run for run in tests if run.key[:3] == (own.dataset, own.evaluation, own.fraction)]
        if chosen := [run for run in there if run.arm == (arm or own.arm)]:
            return min(chosen, key=_first), "the arm that was asked for" if arm else "the arm of the primary comparison"
    order = [own.name for own in study.arms.values() if own.kind not in (RANDOM, SUPERVISED, "baseline", "weights")]
    preferred = [arm] if arm else [*(name for name in ("mse", "barlow", "moco") if name in order), *order, *study.arms]
    for name in preferred:
        if own_runs := [run for run in tests if run.arm == name]:
            tuned = [run for run in own_runs if run.evaluation == "finetune"] or own_runs
            usual = "the first of MSE, Barlow Twins and MoCo"
            missing = (
                f"no test of the primary comparison is there: {usual}" if plan else f"no plan names an arm: {usual}"
            )
            how = "the arm that was asked for" if arm else missing
            return min(tuned, key=lambda run: (run.fraction, _first(run))), how
    return None, ""


def _first(run: TestedRun) -> tuple[int, int, str, str]:
    return run.label_seed, len(run.encoder), run.encoder, run.place  # seeds are texts: 2 comes before 10


def chosen_section(study: StudyResults, arm: str | None = None) -> Section:
    """What a clinic must know beyond the metric, of one classifier."""
    section = Section("chosen", "The chosen arm: calibration, decisions, subgroups, baselines, external test")
    run, how = chosen_run(study, arm)
    if run is None:
        return section.or_say("No run can be shown in detail.")
    code, where = study.sources.of(run.place, run), study.short_of(run.dataset)
    section.blocks.append(
        Text(
            f"{study.words(run.arm)}, {EVALUATIONS[run.evaluation]}{f', {where}' if where else ''}, "
            f"{fraction_in_words(run.fraction)}, label draw {run.label_seed}: {how}; its first draw and its first "
            "pretraining, not the best one.",
            links=[code],
        )
    )
    try:
        metrics = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        metrics = {}
    _calibration(section, metrics, code)
    _decisions(section, metrics)
    _subgroups(section, metrics, code)
    add_baselines(study, section, run)
    add_external(study, section, run)
    return section


def _calibration(section: Section, metrics: Mapping[str, Any], code: Link) -> None:
    section.blocks.append(Text("Calibration", "head"))
    classes = (metrics.get("calibration") or {}).get("classes")
    if not classes:
        section.blocks.append(Text("It was not measured."))
        return
    for place, figure in enumerate(reliability_figures(metrics["calibration"]), start=1):
        alt = "Reliability diagrams: observed share against predicted probability of each class; see the table below."
        section.blocks.append(
            Picture(f"reliability_{place}", figure, alt, "On the line, a probability means what it says.")
        )
    table = Table(
        "calibration", f"Calibration of each class ({Levels([metrics]).ci} over patients)",
        ("class", "intercept", "slope", "Brier score", "run"),
        columns=("class", *(f"{n}{e}" for n in ("intercept", "slope", "brier") for e in ("", "_low", "_high")), "run"),
        note="Best: intercept 0, slope 1. Intercept above 0: probabilities are too low on the whole; slope below 1: "
        "they are too extreme.",
    )  # fmt: skip
    for name, own in classes.items():
        numbers = [own[key] for key in ("intercept", "slope", "brier")]
        table.rows.append([name, *(number_of(number) for number in numbers[:2]), number_of(numbers[2], 3), code])
        values = [[n.get("value"), *(n.get("interval") or (None, None))] for n in numbers]
        table.values.append([name, *(value for own_values in values for value in own_values), code.text])
    section.blocks.append(table)


def _decisions(section: Section, metrics: Mapping[str, Any]) -> None:
    section.blocks.append(Text("Decision curves", "head"))
    if not (metrics.get("decision_curve") or {}).get("classes"):
        section.blocks.append(Text("They were not made."))
        return
    for place, figure in enumerate(decision_curve_figures(metrics["decision_curve"]), start=1):
        alt = "Decision curves: net benefit against the threshold probability, beside treating all and treating none."
        caption = "The classifier is of use at thresholds at which it lies above both treating all and treating none."
        section.blocks.append(Picture(f"decision_curve_{place}", figure, alt, caption))


def _subgroups(section: Section, metrics: Mapping[str, Any], code: Link) -> None:
    section.blocks.append(Text("Subgroups", "head"))
    report = metrics.get("subgroups")
    if not report or not report.get("columns"):
        section.blocks.append(Text("There are none: the data set has no columns such as sex, age or site."))
        return
    if (figure := subgroup_figure(report)) is not None:
        alt = "AUC of each subgroup and its gap to the largest group; the numbers are in the table below."
        section.blocks.append(Picture("subgroups", figure, alt, "Left: the group's own AUC. Right: its paired gap."))
    ci = Levels([report]).ci
    table = Table(
        "subgroups", "Subgroups",
        ("group", "images", "patients", f"AUC, % ({ci})", f"gap ({ci})", "p by Holm", "run"),
        note="The gap is to the largest group of the column, over the classes measured in both.",
    )  # fmt: skip
    for column, own in report["columns"].items():
        for group, found in own["groups"].items():
            counts = ["< 5 patients" if found[key] is None else f"{found[key]:,}" for key in ("images", "patients")]
            gap = found.get("gaps", {}).get("auc")
            by_holm = p_in_words(gap["p_value_holm"]).removeprefix("p ") if gap else "–"
            area = number_in_hundredths(found.get("auc")) if "auc" in found else "too small"
            table.rows.append([f"{column}: {group}", *counts, area, number_in_hundredths(gap), by_holm, code])
    section.blocks.append(table)
