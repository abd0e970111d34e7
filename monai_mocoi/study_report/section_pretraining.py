"""Sections of pretraining curves with online probes, and of the compute that was spent."""

from collections import defaultdict
from collections.abc import Sequence

from monai_mocoi.figures.pretraining_curves import Curve, pretraining_curves_figure
from monai_mocoi.networks.encoder_card import EncoderCard, final_relative_loss
from monai_mocoi.runs.curves import RELATIVE_LOSS, SHOWN_AS
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.study_report.blocks import Link, Picture, Section, Table
from monai_mocoi.study_report.scalar_curves import scalar_curves
from monai_mocoi.study_report.sources import shown_links
from monai_mocoi.study_report.study_results import StudyResults
from monai_mocoi.study_report.tested_run import with_architecture

_LOSS, _NEIGHBOURS, _RIDGE = SHOWN_AS[RELATIVE_LOSS], "probe/knn_auc", "probe/ridge_auc_stage4"
_PANELS = {
    _LOSS: ("loss / guessing (below 1: learns)", 1.0),
    _NEIGHBOURS: ("online probe: nearest neighbours, AUC", 0.5),
    _RIDGE: ("online probe: linear, stage 4, AUC", 0.5),
}


def pretraining_section(study: StudyResults) -> Section:
    """The curves of every encoder, and where they ended."""
    section = Section("pretraining", "Pretraining curves with online probes")
    curves: dict[str, dict[str, Curve]] = defaultdict(dict)
    arms: dict[str, str] = {}
    table = Table(
        "pretraining", "Pretrained encoders",
        ("arm", "seed", "epochs", "loss / guessing at the end", "k-NN AUC: before the first epoch, at the end",
         "run"),
        columns=("arm", "seed", "epochs", "relative_loss", "knn_auc_before", "knn_auc", "run"),
        note="Loss / guessing of 1 is pure guessing. The online probes learn from training labels, are "
        "scored on validation images, see no test image, and chose nothing.",
    )  # fmt: skip
    for place, card in study.found.cards.items():
        manifest = study.found.manifests.get(place)
        planned = study.found.planned(place)
        arm = planned.get("arm") or _arm_of(card)
        seed = planned.get("pretrain_seed")
        seed = (manifest.seed if manifest else None) if seed is None else seed
        arms[place] = study.words(arm)
        found = scalar_curves(study.found.root / place, tuple(_PANELS))
        length = (manifest.epoch_length if manifest else None) or 1
        for name, curve in found.items():
            curves[name][place] = [(step / length if name == _LOSS else step, value) for step, value in curve]
        loss, link = final_relative_loss(card), study.sources.of(place)
        probed = dict(found.get(_NEIGHBOURS, []))  # by epoch, in order
        ends = [probed.get(0), next((probed[epoch] for epoch in reversed(probed) if epoch), None)]
        shown = "–" if loss is None else f"{loss:.3f}"
        probe = ", ".join("–" if value is None else f"{value:.2f}" for value in ends) if probed else "–"
        table.rows.append([arms[place], str(seed), str(card.epochs or "–"), shown, probe, shown_links([link])])
        table.values.append([arm, seed, card.epochs, loss, *ends, link.text])
    panels = {_PANELS[name][0]: (curves[name], _PANELS[name][1]) for name in _PANELS if curves.get(name)}
    if panels:
        alt = "Loss against guessing, and AUC of the online probes, by epoch; where they end is in the table below."
        caption = "One line an encoder. Dotted: guessing. Online probes at epoch 0 are from before the first epoch."
        caption += " Where given weights were continued, that is not an untrained encoder."
        section.blocks.append(
            Picture("pretraining", pretraining_curves_figure(panels, arms, study.order(arms.values())), alt, caption)
        )
    if table.rows:
        section.blocks.append(table)
    return section.or_say("No pretrained encoder lies among these runs.")


def compute_section(study: StudyResults) -> Section:
    """Hours by arm and kind of run, from the manifests."""
    section = Section("compute", "Compute spent")
    spent: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    of: dict[tuple[str, str, str], list[Link]] = defaultdict(list)
    unknown = 0
    for place, manifest in study.found.manifests.items():
        if manifest.seconds is None:
            unknown += 1
            continue
        key = (*_kind(study, place), _machine(manifest))
        spent[key].append(float(manifest.seconds))
        of[key].append(study.sources.of(place))
    table = Table(
        "compute", "Time by arm and step, as the runs recorded it", ("arm", "step", "machine", "runs", "hours", "run"),
        columns=("arm", "step", "machine", "runs", "seconds", "run"),
        note="Time of the clock, of pretraining and fine-tuning; linear evaluations, tests, analyses and baselines are "
        "not in it."
        + (f" {unknown} runs did not record theirs." if unknown else ""),
    )  # fmt: skip
    for (arm, step, machine), seconds in sorted(spent.items()):
        links = of[arm, step, machine]
        table.rows.append([arm, step, machine, str(len(seconds)), _hours(seconds), shown_links(links)])
        table.values.append([arm, step, machine, len(seconds), sum(seconds), " ".join(own.text for own in links)])
    if table.rows:
        everything = [value for own in spent.values() for value in own]
        table.rows.append(["all", "", "", str(len(everything)), _hours(everything), ""])
        section.blocks.append(table)
    return section.or_say("No run recorded its time.")


def _hours(seconds: Sequence[float]) -> str:
    hours = sum(seconds) / 3600
    return f"{hours:.2f}" if hours < 10 else f"{hours:,.0f}"


def _kind(study: StudyResults, place: str) -> tuple[str, str]:
    """The arm and the step of a run folder."""
    tests = [run for run in study.found.tested if run.place == place or run.place.startswith(f"{place}/")]
    planned = study.found.planned(place)
    if (card := study.found.cards.get(place)) is not None:
        return study.words(planned.get("arm") or _arm_of(card)), "pretraining"
    if tests:
        step = "linear evaluation" if tests[0].evaluation == "linear" else "fine-tuning"
        return study.words(tests[0].arm), step
    return study.words(planned.get("arm") or "not known"), "other"


def _machine(manifest: RunManifest) -> str:
    several = f" x {manifest.processes}" if (manifest.processes or 1) > 1 else ""
    threads = f", {manifest.threads} threads" if manifest.device == "cpu" and manifest.threads else ""
    return f"{manifest.device or 'not known'}{several}{threads}"


def _arm_of(card: EncoderCard) -> str:
    """Of an encoder without a plan."""
    return with_architecture(card.method or "not known", card.architecture)
