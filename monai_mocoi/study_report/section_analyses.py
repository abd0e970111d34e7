"""Sections of analyses: probing by stage, feature reuse with its nulls, and distances between outputs."""

from collections.abc import Iterator, Mapping
from typing import Any

from monai_mocoi.figures.arm_lines import ArmPanel, ArmPoint, arm_lines_figure, one_a_place
from monai_mocoi.study_report.blocks import Picture, Section, Table, number_in_hundredths, number_of
from monai_mocoi.study_report.found_runs import Document
from monai_mocoi.study_report.interval_levels import Levels
from monai_mocoi.study_report.published import is_published, published_probing, published_reuse
from monai_mocoi.study_report.sources import shown_links
from monai_mocoi.study_report.study_results import StudyResults
from monai_mocoi.study_report.tested_run import RANDOM, fraction_in_short, fraction_in_words, with_architecture
from monai_mocoi.study_report.verdict import p_in_words


def _analyses(study: StudyResults, part: str) -> Iterator[tuple[str, str, Document, Any]]:
    """Data set, arm, file and part of each analysis that has it."""
    for document in study.found.analyses:
        if not (content := document.content.get(part)):
            continue
        planned = study.found.planned(document.place)
        before = (document.content.get("networks") or {}).get("before") or {}
        of = RANDOM if before.get("start") == "none" else before.get("method") or "not known"
        architecture = (document.content.get("settings") or {}).get("architecture")
        arm = planned.get("arm") or with_architecture(str(of), architecture)
        sha = document.content.get("dataset_sha256")
        named = [name for name in study.datasets if sha and study.sha_of(name) == sha]
        dataset = planned.get("dataset") or (named[0] if named else str(sha or "unknown"))
        yield dataset, str(arm), document, content


def _beside_paper(study: StudyResults, name: str, arm: str) -> bool:
    """Whether the paper may have numbers of a data set of this name, and of the method as the arm has it."""
    return is_published(name) and not (arm in study.arms and study.arms[arm].loss)


_PROBED = ("dataset", "arm", "label_fraction", "stage", "draws", "metric", "value", "low", "high", "paper", "run")


def probing_section(study: StudyResults) -> Section:
    """A linear classifier on each stage of each encoder."""
    section = Section("probing", "Probing by stage")
    lines: dict[tuple[str, float], dict[str, list[ArmPoint]]] = {}
    levels = Levels(content for *_, content in _analyses(study, "probing"))
    table = Table(
        "probing", f"A linear classifier on the features of each stage ({levels.ci} over patients)",
        ("data", "arm", "labels", "stage", "metric", "value, %", "paper, %", "run"), columns=_PROBED,
    )  # fmt: skip
    for dataset, arm, document, content in _analyses(study, "probing"):
        metric, name = content["metric"], study.name_of(dataset)
        for row in content["summary"]:
            number, fraction, stage = row["metrics"][metric], float(row["label_fraction"]), str(row["stage"])
            short = metric.removeprefix("macro_")
            beside = _beside_paper(study, name, arm) and fraction == 1
            paper = published_probing(name, arm, stage, short) if beside else "–"
            link = study.sources.of(document.place)
            low, high = number.get("interval") or (None, None)
            shown = [dataset[:24] if study.found.plan else study.words_of(dataset), study.words(arm)]
            shown += [fraction_in_short(fraction), stage, metric.replace("_", " ")]
            shown += [number_in_hundredths(number, levels.beside(content)), paper]
            table.rows.append([*shown, shown_links([link])])
            found = [number["value"], low, high, paper, link.text]
            table.values.append([dataset, arm, fraction, stage, row["draws"], metric, *found])
            if number["value"] is not None and stage in "1234":
                ends = None if low is None or high is None else (100 * low, 100 * high)
                point = ArmPoint(float(stage), 100 * number["value"], ends)
                lines.setdefault((dataset, fraction), {}).setdefault(study.words(arm), []).append(point)
    for (dataset, fraction), own in sorted(lines.items(), key=lambda one: (one[0][0], -one[0][1])):
        place = list(dict.fromkeys(key[0] for key in lines)).index(dataset) + 1
        title = f"{study.words_of(dataset)}, {fraction_in_words(fraction)}"
        ticks = {float(stage): str(stage) for stage in range(1, 5)}
        panel = ArmPanel(title, {arm: one_a_place(points) for arm, points in own.items()})
        figure = arm_lines_figure([panel], study.order(own), "metric on test, %", "stage", ticks, False)
        alt = f"The metric by stage, a line for each arm, {title}; the numbers are in the table below."
        caption = f"{title}: probing by stage, with intervals over patients ({levels.ci})"
        caption += " or, of several encoders, their mean and each as a small point."
        section.blocks.append(Picture(f"probing_{place}_f{fraction:g}", figure, alt, caption, half=True))
    if table.rows:
        section.blocks.append(table)
    return section.or_say("No encoder was probed (there is no analysis.json with probing).")


_REUSED: tuple[str, ...] = ("dataset", "arm", "finetuned", "label_fraction", "stage", "cka", "low", "high")
_REUSED += ("null_permuted", "null_exchanged", "paper", "run")


def reuse_section(study: StudyResults) -> Section:
    """Similarity of the features of each stage before and after fine-tuning, with what unrelated features give."""
    section = Section("reuse", "Feature reuse")
    parts = (own for *_, content in _analyses(study, "feature_reuse") for own in content.values())
    levels = Levels(parts)
    table = Table(
        "feature_reuse", "CKA of a stage before and after fine-tuning, beside its nulls",
        ("data", "arm", "labels", "stage", f"CKA ({levels.ci})", "null: images", "null: patients", "paper", "run"),
        columns=_REUSED,
        note="1: unchanged up to rotation. The nulls are what unrelated features give: images dealt out at random, and "
        "whole patients exchanged. A similarity near its null is no reuse. The paper's similarity is another measure "
        "(an RBF kernel, which gives unrelated features near 1), so that only the order of the stages can be compared.",
    )  # fmt: skip
    for dataset, arm, document, content in _analyses(study, "feature_reuse"):
        name, networks = study.name_of(dataset), document.content.get("networks") or {}
        beside = _beside_paper(study, name, arm)
        for run, own in content.items():
            fraction = float((networks.get(run) or {}).get("label_fraction") or 1.0)
            for stage, number in own["same_stage"].items():
                null, link = number["null"], study.sources.of(document.place)
                paper = published_reuse(name, arm, str(stage), fraction) if beside else "–"
                low, high = number.get("interval") or (None, None)
                nulls = null.get("permuted"), null.get("exchanged")
                shown = [dataset[:24] if study.found.plan else study.words_of(dataset), study.words(arm)]
                shown += [fraction_in_short(fraction), str(stage), number_of(number, level=levels.beside(own))]
                shown += ["–" if value is None else f"{value:.2f}" for value in nulls]
                table.rows.append([*shown, paper, shown_links([link])])
                found = [number["value"], low, high, *nulls, paper, link.text]
                table.values.append([dataset, arm, run, fraction, stage, *found])
    if table.rows:
        section.blocks.append(table)
    return section.or_say("Feature reuse was not analysed (there is no analysis.json with feature_reuse).")


_DISTANCES = ("distance", "reference")


def distance_section(study: StudyResults) -> Section:
    """Kolmogorov-Smirnov distance of the outputs of few labels from those of all labels."""
    section = Section("ks", "Distance between few labels and all labels")
    parts = (content.get(part) for *_, content in _analyses(study, "output_distance") for part in _DISTANCES)
    levels = Levels(part for part in parts if part)
    table = Table(
        "output_distance", "Kolmogorov-Smirnov distance of the outputs, mean over classes",
        ("data", "arm", "compared", f"distance ({levels.ci})", "by chance: mean", f"{levels.share} of them up to", "p",
         "run"),
        columns=("dataset", "arm", "compared", "distance", "low", "high", "null_mean", "null_limit", "p_value", "run"),
        note="0: the same outputs. By chance: after each patient's outputs of the two models changed places at random. "
        "Two trainings that differ in their seed alone differ too; where a second run with all labels is there, its "
        "distance is given.",
    )  # fmt: skip
    for dataset, arm, document, content in _analyses(study, "output_distance"):
        told = [content.get(name) or {} for name in ("few_labels", "all_labels")]
        few, most = (float(own.get("label_fraction") or 0) for own in told)
        largest = "all labels" if most in (0, 1) else f"{100 * most:g} % of the labels"
        names = f"{f'{100 * few:g} %' if few else 'few'} against {largest}", f"{largest}, another seed"
        for part, words in zip(_DISTANCES, names, strict=True):
            made: Mapping[str, Any] | None = content.get(part)
            if not made:
                continue
            number, link = made["overall"], study.sources.of(document.place)
            null = number["null"]
            low, high = number.get("interval") or (None, None)
            chance = [f"{null['mean']:.3f}", f"{null['limit']:.3f}", p_in_words(number["p_value"]).removeprefix("p ")]
            shown = [dataset[:24] if study.found.plan else study.words_of(dataset), study.words(arm), words]
            table.rows.append([*shown, number_of(number, 3, levels.beside(made)), *chance, shown_links([link])])
            found = [number["value"], low, high, null["mean"], null["limit"], number["p_value"], link.text]
            table.values.append([dataset, arm, words, *found])
    if table.rows:
        section.blocks.append(table)
    return section.or_say("No outputs were compared (there is no analysis.json with output_distance).")
