"""Outputs that are read late, as on a GPU: the same values, and a loss that is not finite reaches no weight."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from ignite.engine import Events

from monai_mocoi.engines import MoCoTrainer, RunEvents
from monai_mocoi.errors import NotFiniteError
from tests.networks.small import small_moco
from tests.support.moco_training import batches, trainer_of


def late_trainer(data: list[dict[str, torch.Tensor]], late: bool, **options: object) -> MoCoTrainer:
    network = small_moco("map")
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9, fused=True)
    trainer = trainer_of(network, data, "map", optimizer=optimizer, **options)
    trainer.outputs.late = late
    return trainer


def read_in(trainer: MoCoTrainer) -> list[tuple[int, int, dict[str, float]]]:
    """The iteration at which, that of which, and what."""
    read: list[tuple[int, int, dict[str, float]]] = []
    trainer.add_event_handler(RunEvents.OUTPUT_READ, lambda e: read.append((e.state.iteration, *e.state.read)))
    trainer.run()
    return read


def test_late_values_are_the_same_one_iteration_later_and_all_known_at_the_epochs_end() -> None:
    at_once, late = (late_trainer(batches(3), wanted, max_epochs=2) for wanted in (False, True))
    now, then = read_in(at_once), read_in(late)
    assert [where for where, *_ in now] == [1, 2, 3, 4, 5, 6]
    assert [where for where, *_ in then] == [2, 3, 3, 5, 6, 6]
    assert [row[1:] for row in now] == [row[1:] for row in then]
    for name, value in at_once.moco.state_dict().items():
        assert torch.equal(value, late.moco.state_dict()[name]), name


def test_who_looks_at_the_output_reads_it() -> None:
    losses: list[dict[str, float]] = []
    trainer = late_trainer(batches(2), True)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: losses.append(dict(e.state.output)))
    rows = [values for _, _, values in read_in(trainer)]
    assert losses == rows


@pytest.mark.parametrize("accumulation_steps", [1, 2])
def test_a_loss_that_is_not_finite_reaches_no_weight(tmp_path: Path, accumulation_steps: int) -> None:
    data = batches(6)
    data[2]["view1"][5, 0, 2, 3] = float("nan")
    trainer = late_trainer(data, True, debug_dir=tmp_path, accumulation_steps=accumulation_steps)
    good: list[dict[str, torch.Tensor]] = []
    trainer.add_event_handler(
        Events.ITERATION_STARTED(once=3), lambda: good.append(copy.deepcopy(trainer.moco.query_encoder.state_dict()))
    )
    with pytest.raises(NotFiniteError) as caught:
        trainer.run()
    assert (caught.value.iteration, caught.value.rows) == (3, list(range(16, 24)))
    for name, weight in trainer.moco.query_encoder.named_parameters():
        assert torch.equal(weight, good[0][name]), name
    (report,) = tmp_path.iterdir()
    assert report.name == "not_finite_iteration_3_process_0.json"
    assert [image["view1"]["not_finite_pixels"] for image in json.loads(report.read_text())["images"]].index(1) == 5


def test_the_last_iteration_of_an_epoch_is_checked_too() -> None:
    data = batches(2)
    data[1]["view2"][0] = float("inf")
    with pytest.raises(NotFiniteError, match="iteration 2"):
        late_trainer(data, True).run()
