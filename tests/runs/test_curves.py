from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from monai_mocoi.analysis.collapse_figures import COLLAPSE_FIGURES
from monai_mocoi.engines import PHASES
from monai_mocoi.handlers import LazySummaryWriter, OverlaidCurves, shown_in_pretraining
from monai_mocoi.runs.curves import CURVES, OVERLAID, SHOWN_AS, description_of
from tests.handlers.engine import counting
from tests.networks.small import small_moco
from tests.support.moco_training import batches, run_noting, trainer_of


def test_the_docs_are_the_table(repository: Path) -> None:
    text = (repository / "docs" / "tensorboard.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", text, flags=re.MULTILINE)
    assert rows == [(re.sub(r"\[(.)-4\]", r"\1...4", name), sentence) for name, sentence in CURVES.items()]


def test_every_curve_of_the_handlers_has_a_sentence() -> None:
    (row,) = run_noting(trainer_of(small_moco("map"), batches(2), "map"))[1:]
    written = [*(SHOWN_AS.get(name, name) for name in shown_in_pretraining(row)), *COLLAPSE_FIGURES]
    written += [f"speed/seconds_{phase}" for phase in PHASES]
    assert len(written) > 30
    assert [name for name in written if not description_of(name)] == []
    assert description_of("something/else") == ""


def test_no_name_has_two_sentences() -> None:
    for name in CURVES:
        plain = re.sub(r"\[.-4\]", "2", name).replace("*", "_2")
        assert [pattern for pattern in CURVES if fnmatchcase(plain, pattern)] == [name]


def test_relative_loss_comes_first_of_all_groups() -> None:
    groups = sorted({name.split("/")[0] for name in CURVES})
    assert groups[0] == "Progress"
    assert next(name for name in sorted(CURVES) if "relative_loss" in name) == "Progress/relative_loss"


def test_what_is_overlaid_is_there() -> None:
    known = [name.replace("[1-4]", "1") for name in CURVES]
    for charts in OVERLAID.values():
        for kind, patterns in charts.values():
            assert kind == "Multiline"
            for pattern in patterns:
                assert any(re.search(pattern, name) for name in known), pattern


def test_the_losses_that_climb_with_the_queue_are_shown_when_it_is_full() -> None:
    rows = [shown_in_pretraining(row) for row in run_noting(trainer_of(small_moco(queue=20), batches(5)))]
    assert [row["queue/fill"] == 1 for row in rows] == [False, False, True, True, True]
    for row, full in zip(rows, (False, False, True, True, True), strict=True):
        assert ("loss/total" in row) == ("loss/contrastive" in row) == full
    # Without negatives there is nothing to be compared with guessing.
    assert ["contrastive/relative_loss" in row for row in rows] == [False, True, True, True, True]
    assert [row.get("Progress/guessing") for row in rows] == [None, 1, 1, 1, 1]
    assert shown_in_pretraining({"loss/total": 2.0}) == {"loss/total": 2.0}


def test_sentences_are_written_once_and_values_stay_as_they_are(tmp_path: Path) -> None:
    writer = LazySummaryWriter(tmp_path)
    for step, value in enumerate((0.9, 0.8, 0.7)):
        writer.add_scalar("validation/relative_loss", value, step)
        writer.add_scalar("own/curve", value, step)
    writer.close()
    found = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0}).Reload()
    for name in ("Progress/validation_relative_loss", "own/curve"):
        assert [(e.step, e.value) for e in found.Scalars(name)] == [
            (step, pytest.approx(value)) for step, value in enumerate((0.9, 0.8, 0.7))
        ]
    (file,) = tmp_path.iterdir()
    sentences = [v.metadata.summary_description for e in EventFileLoader(str(file)).Load() for v in e.summary.value]
    assert [text for text in sentences if text] == [CURVES["Progress/validation_relative_loss"]]
    assert sentences[0]  # before the first value: TensorBoard looks at the first alone


@pytest.mark.parametrize("continued", [False, True])
def test_what_is_drawn_together_is_said_at_the_start_alone(tmp_path: Path, continued: bool) -> None:
    writer = LazySummaryWriter(tmp_path)
    engine = counting(handlers=[OverlaidCurves(writer)])
    engine.state.iteration = 3 if continued else 0
    engine.run()
    writer.add_scalar("a", 1.0, 0)
    writer.close()
    found = EventAccumulator(str(tmp_path)).Reload()
    assert len(found.Tags()["tensors"]) == (0 if continued else 1)
