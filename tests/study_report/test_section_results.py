"""The paper's numbers beside ours: of a method with the loss that the paper gives it, and of no other."""

from __future__ import annotations

from pathlib import Path

from monai_mocoi.study_report.section_analyses import probing_section, reuse_section
from monai_mocoi.study_report.section_results import evaluation_section
from tests.study_report import synthetic_study as synthetic
from tests.study_report import whole_study


def papers(made: whole_study.Made) -> dict[str, list[str]]:
    """What stands in the column of the paper, by arm: fine-tuning, probing and feature reuse."""
    finetune, probing, reuse = evaluation_section(made.results, "finetune"), *_analyses(made)
    found: dict[str, list[str]] = {"moco": [], "mse": []}
    for section, name in ((finetune, "finetune_1"), (probing, "probing"), (reuse, "feature_reuse")):
        for row in made.table(section, name):
            found[row["arm"]] += [row["paper"]] if row["paper"] not in (None, "", "–") else []
    return found


def _analyses(made: whole_study.Made) -> tuple:
    return probing_section(made.results), reuse_section(made.results)


def test_beside_a_method_with_another_loss_there_is_none(tmp_path: Path) -> None:
    found = {}
    for name, words in {"own": (), "scale": ("--batch_size", "8"), "other": ("--stage_pooling", "aligned")}.items():
        study = synthetic.SyntheticStudy(tmp_path / name, arms=("moco", "mse"), settings={"mse": words})
        synthetic.add_analysis(study.write())
        made = whole_study.measured(study.folder)
        assert made.results.arms["mse"].loss == (("--stage_pooling aligned",) if name == "other" else ())
        found[name] = papers(made)
    assert found["own"] == found["scale"]
    assert found["own"]["mse"][:2] == ["81.5 (80.9 to 82.1)", "70.5 (69.9 to 71.0)"]
    assert {"74.8", "0.97"} <= set(found["own"]["mse"])
    assert found["other"] == {"moco": found["own"]["moco"], "mse": []}
    assert found["other"]["moco"]
