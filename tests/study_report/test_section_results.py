"""The paper's numbers beside ours: of a method with the loss that the paper gives it, and of no other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from monai_mocoi.study.study_file import Metric as PlannedMetric
from monai_mocoi.study_report.blocks import Table
from monai_mocoi.study_report.found_runs import Document
from monai_mocoi.study_report.section_analyses import distance_section, probing_section, reuse_section
from monai_mocoi.study_report.section_chosen import chosen_section
from monai_mocoi.study_report.section_results import evaluation_section
from monai_mocoi.study_report.study_results import StudyResults, study_results
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


def test_baselines_of_all_data_sets_are_shown(tmp_path: Path) -> None:
    few = {"patients": 40, "images": 60, "arms": ("moco", "mse"), "fractions": (1.0,), "draws": (1,)}
    for name, sha in (("nih", synthetic.SHA), ("fundus", synthetic.ELSEWHERE)):
        own = synthetic.SyntheticStudy(tmp_path, **few, sha=sha, name=name)
        synthetic.add_baselines(own.write(plan=False, dataset=name), dataset=name)
    results = study_results(tmp_path, tmp_path / "report", None)
    section = chosen_section(results)
    (table,) = [block for block in section.blocks if isinstance(block, Table) and block.name == "baselines"]
    assert table.header[0] == "data"
    assert sorted((row[0], row[1]) for row in table.rows[1:]) == [
        (name, own) for name in ("fundus", "nih") for own in ("sex", "shuffled")
    ]
    assert f", {table.rows[0][0]}, all labels" in section.blocks[0].text


@pytest.mark.parametrize(("most", "words"), [(1.0, "6 % against all labels"), (0.1, "6 % against 10 % of the labels")])
def test_outputs_are_compared_with_the_share_that_was_the_largest(
    report: tuple[Path, StudyResults], most: float, words: str
) -> None:
    results = report[1]
    (document,) = results.found.analyses
    content = json.loads(json.dumps(document.content))
    content["output_distance"]["all_labels"]["label_fraction"] = most
    found = replace(results.found, analyses=[Document(document.place, content)])
    (table,) = distance_section(replace(results, found=found)).blocks
    assert isinstance(table, Table)
    assert table.rows[0][2] == words


def test_f1_can_be_planned(tmp_path: Path) -> None:
    metric = PlannedMetric(name="f1").model_dump()
    few = {"patients": 40, "images": 80, "arms": ("moco", "mse"), "fractions": (1.0,), "draws": (1,)}
    study = synthetic.SyntheticStudy(tmp_path, **few).write(plan=False)
    study.write_plan(study.plan(metric=metric))
    results = study_results(tmp_path, tmp_path / "report", None)
    assert (results.metric.words, results.planned_metric) == ("macro F1", None)
    primary = results.comparisons[0]
    assert primary.primary
    assert primary.difference is not None
    told = evaluation_section(results, "finetune")
    assert any("F1" in heading for block in told.blocks if isinstance(block, Table) for heading in block.header)
