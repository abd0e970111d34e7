from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import coverage
from monai_mocoi.metrics import normal_interval, obuchowski_auc, patient_bootstrap, roc_auc, roc_auc_by_patient


@pytest.mark.parametrize("images", coverage.IMAGES)
@pytest.mark.parametrize("prevalence", coverage.PREVALENCES)
def test_the_population_has_the_auc_that_it_is_said_to_have(images: str, prevalence: float) -> None:
    generator = np.random.default_rng(0)
    index, labels, scores = coverage.draw_population(40_000, images, prevalence, generator)
    assert labels.mean() == pytest.approx(prevalence, abs=0.01)
    many = np.broadcast_to(labels[:, None], scores.shape)
    assert roc_auc(many, scores) == pytest.approx(np.array(coverage.AUCS), abs=0.015)
    sizes = np.bincount(index)
    assert sorted(set(sizes.tolist())) == (list(range(1, 9)) if images == "1 to 8" else [int(images)])


def test_images_of_a_patient_are_alike() -> None:
    index, labels, scores = coverage.draw_population(20_000, "3", 0.5, np.random.default_rng(0))
    assert index.reshape(-1, 3).std(axis=1).max() == 0
    of_negatives = scores[:, 0].reshape(-1, 3)[~labels.reshape(-1, 3).any(axis=1)]
    assert np.corrcoef(of_negatives[:, 0], of_negatives[:, 1])[0, 1] == pytest.approx(0.5, abs=0.05)
    # Two normal latents of correlation 0.5, cut at 0: on the same side with probability 1/2 + asin(0.5) / pi.
    same = labels.reshape(-1, 3)[:, 0] == labels.reshape(-1, 3)[:, 1]
    assert same.mean() == pytest.approx(2 / 3, abs=0.02)


def test_intervals_are_those_of_the_package() -> None:
    index, labels, scores = coverage.draw_population(60, "3", 0.5, np.random.default_rng(0))
    found = coverage.intervals(index, labels, scores, 199, 7)
    assert tuple(found) == coverage.METHODS
    for column in range(3):
        own = scores[:, column]
        alone = patient_bootstrap(index, labels, 199, 7).apply(roc_auc_by_patient(labels, own, index))
        for method in ("percentile", "bca"):
            np.testing.assert_allclose(found[method][:, column], alone.interval(method), atol=1e-12)
        closed = obuchowski_auc(labels, own, index)
        expected = normal_interval(closed.auc, closed.variance)[:, 0]
        np.testing.assert_allclose(found["Obuchowski normal"][:, column], expected, atol=1e-12)


def test_a_line_is_the_same_every_time_and_its_counts_add_up() -> None:
    first, second = (coverage.simulate(60, "3", 0.1, 4, resamples=99, simulations=6) for _ in range(2))
    del first["seconds"], second["seconds"]
    assert first == second
    assert first != coverage.simulate(60, "3", 0.1, 5, resamples=99, simulations=6)
    for method in coverage.METHODS:
        assert all(0 <= b + a <= 6 for b, a in zip(first["below"][method], first["above"][method], strict=True))
        assert all(width > 0 for width in first["width"][method])


def test_what_is_done_is_left_out_and_shares_make_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def simulate(patients: int, images: str, prevalence: float, part: int, resamples: int) -> dict[str, Any]:
        asked.append((patients, images, prevalence, part))
        ones = {method: [1, 1, 1] for method in coverage.METHODS}
        zeros = {method: [1, 0, 0] for method in coverage.METHODS}
        return {
            **{"patients": patients, "images": images, "prevalence": prevalence, "part": part, "simulations": 100},
            **{"with_25_and_25": 100, "below": zeros, "above": zeros, "width": ones},
        }

    monkeypatch.setattr(coverage, "simulate", simulate)
    path = tmp_path / "results.jsonl"
    for share in ("0/2", "1/2", "0/1"):
        coverage.run(path, 200, 99, share, None)
    assert len(asked) == len(set(asked)) == 4 * 3 * 2 * 2
    assert [json.loads(line)["part"] for line in path.read_text().splitlines()].count(1) == 24
    coverage.run(path, 300, 99, "0/1", "00:00")
    assert len(asked) == 48
    cells = coverage.totals(coverage.read_results(path))
    assert len(cells) == 24
    assert all(cell["simulations"] == 200 and cell["below"]["bca"].tolist() == [2, 0, 0] for cell in cells.values())
    coverage.print_tables(path)


def test_the_table_shows_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = {method: [5, 1, 0] for method in coverage.METHODS}
    line = {"patients": 60, "images": "3", "prevalence": 0.5, "part": 0, "simulations": 100, "with_25_and_25": 100}
    line |= {"below": counts, "above": {m: [1, 1, 0] for m in coverage.METHODS}}
    line |= {"width": {m: [1, 1, 1] for m in coverage.METHODS}}
    (tmp_path / "r.jsonl").write_text(json.dumps(line) + "\n")
    coverage.print_tables(tmp_path / "r.jsonl")
    text = capsys.readouterr().out
    assert "| 0.5 | 3 | 60 | 0.65 | 100 | 94.0 (5.0, 1.0) |" in text
    assert "| least coverage, % | 94.0 | 94.0 |" in text
