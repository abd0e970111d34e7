"""Beside the chosen run: what shortcuts alone tell of the labels, and tests of the same arm on other data sets."""

import json

from monai_mocoi.study_report.blocks import Section, Table, Text, number_in_hundredths
from monai_mocoi.study_report.interval_levels import Levels
from monai_mocoi.study_report.sources import shown_links
from monai_mocoi.study_report.study_results import StudyResults
from monai_mocoi.study_report.tested_run import EVALUATIONS, TestedRun, fraction_in_short, fraction_in_words


def add_baselines(study: StudyResults, section: Section, run: TestedRun) -> None:
    """Append the baselines of all data sets, beside the chosen run."""
    section.blocks.append(Text("Baselines: what shortcuts alone tell", "head"))
    names = {study.sha_of(name): study.short_of(name) for name in study.datasets}
    order = [*names]
    found = [(own, own.content.get("dataset_sha256") or study.sha_of(run.dataset)) for own in study.found.baselines]
    found.sort(key=lambda own: order.index(own[1]) if own[1] in names else len(order))
    if not found:
        section.blocks.append(Text("There are none."))
        return
    several = len(names) > 1
    own_metrics = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))
    levels = Levels([own_metrics, *(document.content for document, _ in found)])
    table = Table(
        "baselines", "Linear classifiers of shortcuts, and the chosen run",
        (*(["data"] if several else []), "classifier", "sees", f"macro AUC, % ({levels.ci})", "run"),
        note="A classifier that is no better than a shortcut may be using it. Shortcuts have all labels, and the "
        "chosen run those that are named.",
    )  # fmt: skip
    code = shown_links([study.sources.of(run.place, run)])
    area = number_in_hundredths(own_metrics["overall"].get("macro_auc"), levels.beside(own_metrics))
    what = f"chosen: {EVALUATIONS[run.evaluation]}, {fraction_in_words(run.fraction)}, draw {run.label_seed}"
    rows = [(study.short_of(run.dataset), [f"{study.words(run.arm)} ({what})", "the images", area, code])]
    for document, sha in found:
        for name, own in document.content["baselines"].items():
            shown = number_in_hundredths(own["overall"]["macro_auc"], levels.beside(document.content))
            if of_all := own.get("shuffles"):
                shown = f"{100 * of_all['mean']:.1f} (mean of {len(of_all['macro_auc'])} shuffles)"
            place = f"{document.place}/{name}"
            tested = next((one for one in study.found.tested if one.place == place), None)
            links = shown_links([study.sources.of(place, tested)])
            rows.append((names.get(sha, "not known"), [name, own["sees"], shown, links]))
    table.rows = [[*([data] if several else []), *cells] for data, cells in rows]
    section.blocks.append(table)


def add_external(study: StudyResults, section: Section, run: TestedRun) -> None:
    """Append the tests of the chosen run's arm on other data sets."""
    section.blocks.append(Text("External test", "head"))
    tests = [own for own in study.found.tested if own.role == "external" and own.arm == run.arm]
    tests = [own for own in tests if own.key[:2] == run.key[:2]]
    name = f"macro_{study.metric.name}"
    all_metrics = [json.loads((own.folder / "metrics.json").read_text(encoding="utf-8")) for own in tests]
    levels = Levels(all_metrics)
    table = Table(
        "external", "The same arm on the images of another place",
        ("data", "labels", "own test, %", "there, %", f"difference ({levels.ci})", "images there", "run"),
        note=f"Numbers are {name.replace('_', ' ')}, of all classes that both data sets have.",
    )  # fmt: skip
    for own, metrics in zip(tests, all_metrics, strict=True):
        compared = ((metrics.get("external") or {}).get("overall") or {}).get(name) or {}
        there = compared.get("here") or metrics["overall"].get(name)
        three = compared.get("own"), there, compared.get("difference")
        numbers = [number_in_hundredths(one, levels.beside(metrics)) for one in three]
        there_name = str((metrics.get("external") or {}).get("dataset") or "not known")
        images = f"{metrics['images']:,} of {metrics['patients']:,} patients"
        table.rows.append(
            [
                there_name,
                fraction_in_short(own.fraction),
                *numbers,
                images,
                shown_links([study.sources.of(own.place, own)]),
            ]
        )
    section.blocks.append(table if table.rows else Text("This arm was not tested on another data set."))
