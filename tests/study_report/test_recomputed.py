"""Every number of a report's tables of results, computed again from its predictions.csv by another program.

It shares no code with the package: the files are read by :mod:`csv`, AUCs count all pairs, patients are left out one by
one, and variance, degrees of freedom and Holm's correction are written down as in the papers.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

Rows = list[dict[str, str]]


@cache
def rows_of(path: Path) -> Rows:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@cache
def area(path: Path, without: str | None = None) -> float:
    rows = [row for row in rows_of(path) if row["patient"] != without]
    names = [name.removeprefix("label_") for name in rows[0] if name.startswith("label_")]
    return float(np.mean([auc(rows, name) for name in names]))


def auc(rows: Rows, name: str) -> float:
    """Share of the pairs of a positive and a negative image that are in order; a tie is half a pair."""
    truth = np.array([row[f"label_{name}"] == "1" for row in rows])
    scores = np.array([float(row[f"probability_{name}"]) for row in rows])
    gap = scores[truth][:, None] - scores[~truth][None]
    return float((gap > 0).mean() + (gap == 0).mean() / 2)


@cache
def left_out(path: Path) -> tuple[float, ...]:
    return tuple(area(path, patient) for patient in sorted({row["patient"] for row in rows_of(path)}))


def interval(values: Iterable[float], without: Iterable[Iterable[float]]) -> tuple[float, float, float, float]:
    """Value, ends and p-value of a mean over draws: Obuchowski and Rockette, with both factors' degrees of freedom."""
    x, jack = np.array(list(values)), np.array([list(own) for own in without])
    d, n = jack.shape
    cov = np.atleast_2d((n - 1) ** 2 / n * np.cov(jack))
    if d == 1:
        variance, df = cov[0, 0], n - 1
    else:
        pairs = [cov[i, j] for i in range(d) for j in range(d) if i != j]
        shared = np.mean(pairs)
        ms = max(np.var(x, ddof=1), np.mean(np.diag(cov)) - shared) / d
        shared = max(shared, 0)
        variance = ms + shared
        df = variance**2 / (ms**2 / (d - 1) + shared**2 / (n - 1))
    half = t.ppf(0.975, df) * variance**0.5
    return x.mean(), x.mean() - half, x.mean() + half, 2 * t.sf(abs(x.mean()) / variance**0.5, df)


@pytest.fixture(scope="module")
def cells(report) -> dict[tuple[str, str], dict[int, list[Path]]]:
    """Files of predictions by label fraction and arm, and label draw: of the folders' names alone."""
    found: dict[tuple[str, str], dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((report[0].parent / "runs").glob("*/*/finetune/f*/predictions.csv")):
        fraction, draw = re.fullmatch(r"f([\d.]+)-l(\d+)", path.parent.name).groups()
        found[fraction, path.parts[-4].split("-")[0]][int(draw)].append(path)
    return found


def by_draw(cell: dict[int, list[Path]]) -> dict[int, tuple[float, np.ndarray]]:
    return {
        draw: (float(np.mean([area(p) for p in paths])), np.mean([left_out(p) for p in paths], axis=0))
        for draw, paths in cell.items()
    }


def test_every_cell(report, cells) -> None:
    table = rows_of(report[0] / "tables/finetune_1.csv")
    assert len(table) == len(cells) == 6
    for row in table:
        cell = cells[row["label_fraction"].removesuffix(".0"), row["arm"]]
        own = by_draw(cell)
        value, low, high, _ = interval([v for v, _ in own.values()], [j for _, j in own.values()])
        assert float(row["value"]) == pytest.approx(value, abs=1e-12)
        assert float(row["low"]) == pytest.approx(max(low, 0), abs=1e-9)
        assert float(row["high"]) == pytest.approx(min(high, 1), abs=1e-9)
        single = [
            area(p) for paths in cells[row["label_fraction"].removesuffix(".0"), row["arm"]].values() for p in paths
        ]
        assert [float(row["lowest_run"]), float(row["highest_run"])] == pytest.approx([min(single), max(single)])
        assert int(row["label_draws"]) == len(own)


def test_every_difference(report, cells) -> None:
    table = rows_of(report[0] / "tables/paired_differences.csv")
    assert len(table) == 6
    p_values = {}
    for place, row in enumerate(table):
        fraction = row["label_fraction"].removesuffix(".0")
        first, second = (by_draw(cells[fraction, row[name]]) for name in ("arm", "against"))
        pairs = [(first[d][0] - second[d][0], first[d][1] - second[d][1]) for d in sorted(first)]
        value, low, high, p = interval(*zip(*pairs, strict=True))
        found = [float(row[name]) for name in ("difference", "low", "high", "p_value")]
        assert found == pytest.approx([value, low, high, p], abs=1e-9)
        if row["primary"] == "0":
            p_values[place] = p
    assert [row["primary"] for row in table] == ["1"] + ["0"] * 5
    assert table[0]["p_value_holm"] == ""
    largest = 0.0
    for rank, (place, p) in enumerate(sorted(p_values.items(), key=lambda own: own[1])):
        largest = max(largest, min(1.0, p * (len(p_values) - rank)))
        assert float(table[place]["p_value_holm"]) == pytest.approx(largest, abs=1e-9)


def test_page_shows_the_numbers_of_the_tables(report) -> None:
    page = (report[0] / "report.html").read_text()
    for row in rows_of(report[0] / "tables/finetune_1.csv"):
        value, low, high = (100 * float(row[name]) for name in ("value", "low", "high"))
        assert f"<td>{value:.1f} ({low:.1f} to {high:.1f})</td>" in page
    for row in rows_of(report[0] / "tables/paired_differences.csv"):
        value, low, high = (100 * float(row[name]) for name in ("difference", "low", "high"))
        assert f"<td>{value:+.1f} ({low:+.1f} to {high:+.1f})</td>" in page
        assert f"(95 % CI {low:.1f} to {high:.1f}; p" in page  # in the verdict


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
