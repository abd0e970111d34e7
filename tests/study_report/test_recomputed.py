"""The files of a report, on the disk: their numbers are those that the second script makes of predictions.csv."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.study_report.second_script import crossed, in_hundredths, macro_auc, rows_of


@pytest.fixture(scope="module")
def cells(report) -> dict[tuple[str, str], dict[int, list[Path]]]:
    """Files of predictions by label fraction and arm, and label draw: of the folders' names alone."""
    found: dict[tuple[str, str], dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((report[0].parent / "runs").glob("*/*/finetune/f*/predictions.csv")):
        fraction, draw = re.fullmatch(r"f([\d.]+)-l(\d+)", path.parent.name).groups()
        found[fraction, path.parts[-4].split("-")[0]][int(draw)].append(path)
    return found


def test_every_cell(report, cells) -> None:
    table = rows_of(report[0] / "tables/finetune_1.csv")
    assert len(table) == len(cells) == 6
    for row in table:
        cell = cells[row["label_fraction"].removesuffix(".0"), row["arm"]]
        areas = {draw: macro_auc(path) for draw, (path,) in cell.items()}
        value, low, high, _ = crossed(*zip(*areas.values(), strict=True))
        assert float(row["value"]) == pytest.approx(value, abs=1e-12)
        assert float(row["low"]) == pytest.approx(max(low, 0), abs=1e-9)
        assert float(row["high"]) == pytest.approx(min(high, 1), abs=1e-9)
        single = [value for value, _ in areas.values()]
        assert [float(row["lowest_run"]), float(row["highest_run"])] == pytest.approx([min(single), max(single)])
        assert int(row["label_draws"]) == len(areas)


def test_page_shows_the_numbers_of_the_tables(report) -> None:
    page = (report[0] / "report.html").read_text()
    for row in rows_of(report[0] / "tables/finetune_1.csv"):
        shown = in_hundredths(float(row["value"]), (float(row["low"]), float(row["high"])))
        assert f"<td>{shown}</td>" in page
    for row in rows_of(report[0] / "tables/paired_differences.csv"):
        value, low, high = (float(row[name]) for name in ("difference", "low", "high"))
        assert f"<td>{in_hundredths(value, (low, high), '+')}</td>" in page
        assert f"(95 % CI {100 * low:.1f} to {100 * high:.1f}; p" in page  # in the verdict


def test_the_interval_of_one_run_is_near_that_of_its_evaluation(report) -> None:
    """BCa over patients there, jackknife here: the same up to the resampling."""

    from monai_mocoi.analysis import evaluate_predictions
    from monai_mocoi.data import read_predictions

    row = next(
        r for r in rows_of(report[0] / "tables/finetune_1.csv") if r["label_draws"] == "1" and r["arm"] == "moco"
    )
    path = next((report[0].parent / "runs").glob("nih/moco-*/finetune/f1-l1/predictions.csv"))
    found = evaluate_predictions(read_predictions(path), resamples=999, min_positives=5, min_negatives=5)
    number = found["overall"]["macro_auc"]
    assert float(row["value"]) == pytest.approx(number["value"], abs=1e-12)
    assert [float(row["low"]), float(row["high"])] == pytest.approx(number["interval"], abs=0.01)
    assert np.isfinite(macro_auc(path)[1]).all()
