"""Analyses of a plan: one of an encoder that was made anew since does not count."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.study_report.found_runs import FoundRuns, find_runs
from monai_mocoi.study_report.used_runs import keep_used
from tests.study_report import synthetic_study as synthetic

ANALYSIS = "runs/nih/mse-resnet50-s0/analysis-test"


def used(folder: Path) -> FoundRuns:
    found = find_runs(folder)
    keep_used(found)
    return found


@pytest.mark.parametrize(
    ("pretrained", "marker", "kept"),
    [
        ("2026-01-01T10:00:00+00:00", {}, True),
        ("2026-01-01T12:00:00+00:00", {}, False),
        ("2026-01-01T10:00:00+00:00", {"plan": "another"}, False),
        ("2026-01-01T10:00:00+00:00", None, False),
    ],
)
def test_an_analysis_needs_the_marker_of_this_plan_and_the_encoder_of_now(
    tmp_path: Path, pretrained: str, marker: dict[str, str] | None, kept: bool
) -> None:
    study = synthetic.SyntheticStudy(tmp_path, draws=(1,), arms=("moco", "mse")).write(plan=False)
    synthetic.add_analysis(study)
    study._node("nih", "mse", 0, "probing", [], ANALYSIS, [])
    plan = study.plan()
    study.write_plan(plan)
    nodes = {node.id.rpartition(".")[2]: node for node in plan.nodes if ".mse-" in node.id}
    encoder, analysis = nodes["pretrain"], nodes["probing"]
    written = {"format": 1, "plan": plan.hash}
    write_json(tmp_path / encoder.done, {**written, "id": encoder.id, "ended": pretrained})
    if marker is None:  # Snakemake removes it before a job
        (tmp_path / analysis.done).unlink()
    else:
        own = {**written, "id": analysis.id, "ended": "2026-01-01T11:00:00+00:00", **marker}
        write_json(tmp_path / analysis.done, own)
    found = used(tmp_path)
    assert [document.place for document in found.analyses] == [ANALYSIS] * kept
    told = [text for text in found.problems if text.startswith(ANALYSIS)]
    assert len(told) == (not kept)
    for node in plan.nodes:
        (tmp_path / node.done).unlink(missing_ok=True)
    assert [document.place for document in used(tmp_path).analyses] == [ANALYSIS], "all was run by hand"
    assert all("no done marker says" in text for text in told)
