"""What is kept of a study: its plan, its sentences, and tables and figures of its report, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import evidence
from benchmarks.evidence_files import KeptStudy, kept_studies
from benchmarks.evidence_keep import keep
from monai_mocoi.errors import StudyError
from monai_mocoi.study import read_plan
from monai_mocoi.study_report import sentence_of, write_study_report
from tests.study_report import synthetic_study as synthetic


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, KeptStudy]:
    """A synthetic study with one test missing, and what is kept of it."""
    folder = tmp_path_factory.mktemp("kept")
    study = synthetic.SyntheticStudy(
        folder / "study", draws=(1,), evaluations=("linear",), arms=("moco", "mse")
    ).write()
    next(study.folder.glob("runs/nih/mse-*/linear/f1-*/metrics.json")).unlink()
    for node in read_plan(study.folder).nodes:
        marker = study.folder / node.done
        marker.write_text(json.dumps(json.loads(marker.read_text()) | {"seconds": 7.26}))
    manifest = next(study.folder.glob("runs/nih/mse-*/pretrain/manifest.json"))
    known = {"commit": "abc", "epochs": 3, "versions": {"torch": "2"}, "continued": [{"commit": "def"}]}
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | known))
    keep(study.folder, folder / "evidence")
    (own,) = kept_studies(folder / "evidence")
    return study.folder, own


def test_plan_tables_and_figures_are_those_of_the_report(kept: tuple[Path, KeptStudy], tmp_path: Path) -> None:
    study, own = kept
    results = write_study_report(study, tmp_path / "report")
    assert own.plan["hash"] == read_plan(study).hash
    assert (own.plan["fractions"], [arm["id"] for arm in own.plan["arms"]]) == ([0.06, 1.0], ["moco", "mse"])
    assert own.name == "synthetic"
    for folder in ("tables", "figures"):
        for path in (own.folder / folder).iterdir():
            if path.name != "steps.csv":
                assert path.read_bytes() == (tmp_path / "report" / folder / path.name).read_bytes()
    there = {path.stem for path in (own.folder / "tables").iterdir()}
    assert {"linear_1", "paired_differences", "sources", "steps", "arms"} <= there
    primary = next(one for one in results.comparisons if one.primary)
    assert own.primary == sentence_of(primary, results.arms)
    assert (own.told["planned"], own.told["missing"]) == (4, 1)
    assert own.told["trained_by"] == {"commits": ["abc", "def"], "versions": ["torch 2"], "devices": ["cpu, 2 threads"]}
    assert any("1 of 4 planned tests" in text for _, text in own.told["limits"])


def test_steps_and_their_time(kept: tuple[Path, KeptStudy]) -> None:
    rows = {row["step"]: row for row in kept[1].table("steps")}
    assert rows["pretrain"] == {"step": "pretrain", "planned": "2", "done": "2", "seconds": "14.5"}
    assert rows["linear"]["done"] == "2"


def test_the_page_is_made_of_it_and_names_no_folder(kept: tuple[Path, KeptStudy]) -> None:
    text = evidence.page(kept[1].folder.parent)
    assert kept[1].primary in text
    assert "all arms were fixed in the plan before anything ran" in text
    assert len(kept[1].across) == 1
    assert "Other pretrainings of the same methods may come out otherwise" in kept[1].across[0]
    assert "3 of 4 planned tests" in text
    assert str(kept[0]) not in text + json.dumps(kept[1].told)
    there = [path.read_text(encoding="utf-8") for path in kept[1].folder.rglob("*") if path.is_file()]
    assert len(there) > 5
    assert not any("/secret" in own or str(kept[0]) in own for own in [text, *there])
    assert "<nih>" in json.dumps(kept[1].plan["nodes"])


def test_a_study_without_a_plan_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"has no plan\.json"):
        keep(tmp_path, tmp_path / "evidence")
    assert not (tmp_path / "evidence").exists()


@pytest.mark.parametrize("left", [0, 1], ids=["no step", "one step"])
def test_tests_without_a_done_marker_are_no_evidence(left: int, tmp_path: Path) -> None:
    study = synthetic.SyntheticStudy(
        tmp_path / "study", draws=(1,), fractions=(1.0,), evaluations=("linear",), arms=("moco", "mse")
    ).write()
    for node in [node for node in read_plan(study.folder).nodes if node.cells][left:]:
        (study.folder / node.done).unlink()
    if left:
        (own,) = kept_studies(keep(study.folder, tmp_path / "evidence").parent)
        assert (own.told["planned"], own.told["missing"]) == (2, 1)
        assert not own.has_primary
        assert evidence.quoted_sentence(tmp_path / "evidence") == ""
        return
    for marker in (study.folder / "done").glob("*.json"):
        marker.unlink()
    with pytest.raises(StudyError, match="it has no done marker"):
        keep(study.folder, tmp_path / "evidence")
    assert not (tmp_path / "evidence").exists()
