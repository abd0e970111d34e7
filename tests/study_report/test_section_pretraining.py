"""Pretraining curves: which value of the online probes is from before the first epoch."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.study_report import StudyResults, section_pretraining
from monai_mocoi.study_report.blocks import Table


@pytest.mark.parametrize(
    ("curve", "shown", "values"),
    [
        ([(0, 0.5), (5, 0.6), (10, 0.7)], "0.50, 0.70", [0.5, 0.7]),
        ([(5, 0.6), (10, 0.7)], "–, 0.70", [None, 0.7]),
        ([(0, 0.5)], "0.50, –", [0.5, None]),
        ([], "–", [None, None]),
    ],
)
def test_only_a_probe_at_epoch_0_is_from_before_the_first_epoch(
    report: tuple[Path, StudyResults], monkeypatch: pytest.MonkeyPatch, curve: list, shown: str, values: list
) -> None:
    found = {"probe/knn_auc": curve} if curve else {}
    monkeypatch.setattr(section_pretraining, "scalar_curves", lambda *_: found)
    section = section_pretraining.pretraining_section(report[1])
    (table,) = (own for own in section.blocks if isinstance(own, Table))
    assert table.header[4] == "k-NN AUC: before the first epoch, at the end"
    assert [row[4] for row in table.rows] == [shown] * len(table.rows)
    places = [table.columns.index(name) for name in ("knn_auc_before", "knn_auc")]
    assert [[row[place] for place in places] for row in table.values] == [values] * len(table.rows)
