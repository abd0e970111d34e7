from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monai_mocoi.data import Predictions
from monai_mocoi.errors import DatasetError
from monai_mocoi.figures.surest_images import worst_errors
from monai_mocoi.handlers import EvaluationSaver, WorstErrors
from monai_mocoi.handlers import worst_errors as module
from monai_mocoi.metrics import UNKNOWN
from tests.engines.classifiers import Table, dataset_of, evaluator_of, numbered
from tests.support.evaluated_classifier import CLASSIFIER, FEW

LIMITS = {"A": 0.3, "B": 0.7}
ENOUGH = {"min_positives": 5, "min_negatives": 5}


def made(kind: str, count: int = 80, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (count, 3)) if kind == "multilabel" else rng.integers(0, 3, count)
    said = rng.random((count, 3)).round(1)  # with ties, and at the thresholds
    if kind == "multiclass":
        said = rng.integers(1, 4, (count, 3)) / 9
        said[:, 0] = 1 - said[:, 1:].sum(axis=1)
    ids = tuple(f"i{n}" for n in range(count))
    return Predictions(ids, ids, ("A", "B", "C"), kind, labels, said)


@pytest.mark.parametrize("count", [1, 3, 1000])
def test_errors_of_findings_are_those_of_a_naive_search(count: int) -> None:
    given, limits = made("multilabel"), [0.3, 0.5, 0.7]
    found = worst_errors(given, limits, [2, 0], count)
    for place, (column, missed) in enumerate((c, m) for c in (2, 0) for m in (True, False)):
        wrong = []
        for image in range(80):
            probability, present = given.probabilities[image, column], given.labels[image, column] == 1
            if missed and present and probability < limits[column]:
                wrong.append((probability, image))
            if not missed and not present and probability >= limits[column]:
                wrong.append((-probability, image))
        assert found[place].images == [image for _, image in sorted(wrong)][:count]
        assert found[place].columns == [column] * len(found[place].images)
        how = f"present, but below {limits[column]:.2f} (missed)"
        how = how if missed else f"absent, but called (from {limits[column]:.2f})"
        total = f"all {len(wrong)}" if count == 1000 else f"the worst {count} of {len(wrong)}"
        assert found[place].heading == f"{'ABC'[column]} {how}: {total}"
    assert len(found) == 4


@pytest.mark.parametrize("count", [1, 3, 1000])
def test_errors_of_classes_are_those_of_a_naive_search(count: int) -> None:
    given = made("multiclass")
    for column, found in enumerate(worst_errors(given, None, [0, 1, 2], count)):
        wrong = []
        for image, row in enumerate(given.probabilities.tolist()):
            if given.labels[image] == column and row.index(max(row)) != column:
                wrong.append((-max(row), image))
        assert found.images == [image for _, image in sorted(wrong)][:count]
        assert found.columns == [given.probabilities[image].argmax() for image in found.images]


def test_a_class_without_errors_is_named() -> None:
    labels = np.array([[0], [1]])
    given = Predictions(("a", "b"), ("a", "b"), ("A",), "multilabel", labels, labels * 1.0)
    assert [part.heading for part in worst_errors(given, [0.5], [0], 3)] == [
        "A present, but below 0.50 (missed): none",
        "A absent, but called (from 0.50): none",
    ]


LABELS = np.random.default_rng(0).integers(0, 2, (60, 2))
SAID = LABELS + 2 * np.random.default_rng(1).standard_normal((60, 2))


def drawn(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[Any]:
    """Title and parts of the sheet, if there is one."""
    sheets: list[Any] = []
    real = module.picture_sheet
    monkeypatch.setattr(module, "picture_sheet", lambda *given: [sheets.append(given), real(*given)][1])
    dataset = options.pop("dataset", None) or dataset_of(LABELS)
    handlers = options.pop("others", [])
    errors = WorstErrors(folder, LIMITS, options.pop("mean", 0.0), options.pop("std", 1.0), **{**ENOUGH, **options})
    evaluator_of(Table(SAID), dataset, name="test", metrics=[], val_handlers=[errors, *handlers]).run()
    return sheets


def test_the_sheet_shows_each_error_with_row_truth_probability_and_threshold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def normalised(sample: dict[str, Any]) -> dict[str, Any]:
        raw = sample["image"].clone()
        sample["image"] = torch.cat([(raw - 0.5) / 0.25, (raw - 0.25) / 0.5, raw])
        return sample

    monkeypatch.setattr(Table, "forward", lambda self, x: self.logits[(x[:, 2, 0, 0] * 255).round().long()])
    caplog.set_level(logging.INFO)
    dataset = dataset_of(LABELS, transform=normalised)
    dataset.rows.remove(4)  # one that could not be read
    ((title, parts, columns),) = drawn(
        tmp_path, monkeypatch, dataset=dataset, count=4, mean=[0.5, 0.25, 0.0], std=[0.25, 0.5, 1.0]
    )
    assert title == "Worst errors on test, 59 images of 59 patients. Row: of 'test' in datalist.json, from 0"
    assert (columns, len(parts)) == (8, 4)
    said = 1 / (1 + np.exp(-SAID.astype(np.float32).astype(float)))
    shown = 0
    for place, part in enumerate(parts):
        column, missed = place // 2, place % 2 == 0
        name, limit = "AB"[column], LIMITS["AB"[column]]
        rows = [row for row in range(60) if row != 4 and (LABELS[row, column] == 1) == missed]
        rows = [row for row in rows if (said[row, column] < limit) == missed]
        rows.sort(key=lambda row: said[row, column] if missed else -said[row, column])
        assert len(part.pictures) == min(4, len(rows)) > 0
        for row, one in zip(rows[:4], part.pictures, strict=True):
            first, second, third = one.caption.split("\n")
            assert (first, third) == (f"row {row}", f"truth: {'present' if missed else 'absent'}")
            assert second.startswith(f"{name}: ")
            assert second.endswith(f" (called from {limit:.2f})")
            assert float(second.split()[1]) == pytest.approx(said[row, column], rel=0.06)
            picture = numbered(f"{row}").numpy()[0, :, :, None] * 255
            np.testing.assert_allclose(one.picture, np.broadcast_to(picture, (32, 32, 3)), atol=0.6)
            shown += 1
    assert (tmp_path / "worst_errors.png").is_file()
    assert f"Worst errors: {tmp_path / 'worst_errors.png'} ({shown} pictures of patients)" in caplog.messages
    assert "p0" not in "".join(one.caption for part in parts for one in part.pictures)


def test_the_sheet_is_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        drawn(tmp_path / name, monkeypatch)
    assert (tmp_path / "a/worst_errors.png").read_bytes() == (tmp_path / "b/worst_errors.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"count": 0}, ""), ({"min_positives": 50}, "No sheet of the worst errors: no class is scored")],
)
def test_without_a_sheet_an_earlier_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, options: Any, said: str
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "worst_errors.png").write_bytes(b"earlier")
    assert drawn(tmp_path, monkeypatch, **options) == []
    assert not (tmp_path / "worst_errors.png").exists()
    assert said in caplog.text


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), DatasetError("image 3 has changed")])
def test_a_sheet_that_cannot_be_drawn_costs_no_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(*given: Any) -> None:
        raise error

    monkeypatch.setattr(module, "save_sheet", fail)
    drawn(tmp_path, monkeypatch, others=[EvaluationSaver(tmp_path, CLASSIFIER, **FEW)])
    assert (tmp_path / "metrics.json").is_file()
    assert f"worst_errors.png is not drawn: {error.args[-1]}" in caplog.messages


def test_only_the_first_process_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "rank", lambda: 1)
    assert drawn(tmp_path, monkeypatch) == []


def test_a_negative_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="worst_errors is -1"):
        WorstErrors(tmp_path, LIMITS, 0.0, 1.0, count=-1)


def test_what_is_not_known_is_no_error() -> None:
    given, limits = made("multilabel"), [0.3, 0.5, 0.7]
    whole = worst_errors(given, limits, [0], 1000)
    unknown = {part.images[0] for part in whole}
    given.labels[list(unknown), 0] = UNKNOWN
    for before, after in zip(whole, worst_errors(given, limits, [0], 1000), strict=True):
        assert after.images == [image for image in before.images if image not in unknown]


def test_rows_are_those_of_the_whole_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((_, plain, _),) = drawn(tmp_path, monkeypatch, count=3)
    ((_, parts, _),) = drawn(tmp_path, monkeypatch, count=3, rows=[2 * row + 1 for row in range(60)])
    numbers = [[int(one.caption.split()[1]) for part in sheet for one in part.pictures] for sheet in (plain, parts)]
    assert numbers[1] == [2 * row + 1 for row in numbers[0]] != []
