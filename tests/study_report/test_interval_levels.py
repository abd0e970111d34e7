"""The level of the intervals that runs recorded is the one that the tables name."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.analysis import evaluate_fully
from monai_mocoi.study_report import StudyResults
from monai_mocoi.study_report.blocks import Link, Picture, Section, Table, number_in_hundredths, number_of
from monai_mocoi.study_report.found_runs import Document
from monai_mocoi.study_report.interval_levels import Levels
from monai_mocoi.study_report.section_analyses import distance_section, probing_section, reuse_section
from monai_mocoi.study_report.section_chosen import _calibration, chosen_section
from tests.support.made_predictions import findings

NUMBER = {"value": 0.5, "interval": [0.4, 0.6]}


def of(level: float) -> dict[str, Any]:
    return {"intervals": {"level": level}}


def test_one_level_is_in_the_header_and_several_are_beside_the_intervals() -> None:
    one, two = Levels([of(0.9), {"level": 0.9}]), Levels([of(0.9), of(0.999)])
    assert (one.ci, one.share, one.beside(of(0.9))) == ("90 % CI", "90 %", None)
    assert (two.ci, two.share, two.beside(of(0.999))) == ("CI", "most", 0.999)
    assert Levels([{}]).ci == "CI"  # a run that does not say it
    assert number_in_hundredths(NUMBER, 0.999) == "50.0 (99.9 % CI 40.0 to 60.0)"
    assert number_of(NUMBER, 2, 0.9) == "0.50 (90 % CI 0.40 to 0.60)"
    assert number_in_hundredths(NUMBER) == "50.0 (40.0 to 60.0)"


@pytest.mark.parametrize(("level", "words"), [(0.95, "95 % CI"), (0.8, "80 % CI")])
def test_calibration_of_a_run(level: float, words: str) -> None:
    metrics = evaluate_fully(
        findings(), {"A": 0.5, "B": 0.5}, level=level, resamples=99, min_positives=5, min_negatives=5
    )
    section = Section("chosen", "Chosen")
    _calibration(section, metrics, Link("R1", "#R1"))
    (table,) = (own for own in section.blocks if isinstance(own, Table))
    assert table.caption == f"Calibration of each class ({words} over patients)"


def with_levels(study: StudyResults, *levels: float) -> StudyResults:
    """The same analysis once for each level."""
    documents = []
    for level in levels:
        content = deepcopy(dict(study.found.analyses[0].content))
        content["probing"]["intervals"] = {"level": level}
        content["feature_reuse"]["run"]["intervals"] = {"level": level}
        for name in ("distance", "reference"):
            content["output_distance"][name]["level"] = level
        documents.append(Document(study.found.analyses[0].place, content))
    return replace(study, found=replace(study.found, analyses=documents))


def test_analyses(report: tuple[Path, StudyResults]) -> None:
    for levels, words, cell in (((0.8,), "80 % CI", "("), ((0.8, 0.95), "CI", "(80 % CI ")):
        made = with_levels(report[1], *levels)
        sections = probing_section(made), reuse_section(made), distance_section(made)
        probing, reuse, distance = (
            next(own for own in section.blocks if isinstance(own, Table)) for section in sections
        )
        assert probing.caption.endswith(f"each stage ({words} over patients)")
        assert f"CKA ({words})" in reuse.header
        assert f"distance ({words})" in distance.header
        assert f"{'80 %' if len(levels) == 1 else 'most'} of them up to" in distance.header
        for table, column in ((probing, 5), (reuse, 4), (distance, 3)):
            assert cell in str(table.rows[0][column])
            assert ("80 % CI" in str(table.rows[0][column])) == (len(levels) == 2)
        captions = [own.caption for own in sections[0].blocks if isinstance(own, Picture)]
        assert all(f"intervals over patients ({words})" in caption for caption in captions)


def test_external_tests_of_another_level(made: Any) -> None:
    run = next(own for own in made.results.found.tested if own.role == "external" and own.arm == "mse")
    path = run.folder / "metrics.json"
    before = path.read_text()
    try:
        content = json.loads(before)
        content["intervals"]["level"] = 0.9
        path.write_text(json.dumps(content))
        section = chosen_section(made.results)
    finally:
        path.write_text(before)
    external = next(own for own in section.blocks if isinstance(own, Table) and own.name == "external")
    assert "difference (90 % CI)" in external.header
