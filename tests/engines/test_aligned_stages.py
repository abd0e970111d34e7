"""Training with stages that are compared where both views show the same tissue (fault A13)."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from monai_mocoi.engines.options import GEOMETRY
from monai_mocoi.errors import UsageError
from monai_mocoi.handlers import EpochLog
from monai_mocoi.losses import InfoNCELoss
from monai_mocoi.networks import MoCo
from monai_mocoi.transforms import RandResizedCrop, TwoViewsd
from tests.networks.small import geometries, small_moco
from tests.support.moco_training import STAGE_LOSSES, batches, run_noting, trainer_of
from tests.support.processes import in_processes
from tests.support.rounding import LEARNING_RATE_SHARE, assert_equal_to_rounding


def total_of(moco: MoCo, batch: dict[str, torch.Tensor], first: bool = True) -> tuple[torch.Tensor, Any]:
    """The loss of a batch, written out."""
    geometry = batch["view1_geometry"], batch["view2_geometry"]
    output = moco(batch["view1"], batch["view2"], batch["index"], move_key_encoder=first, geometry=geometry)
    stage_loss: Any = STAGE_LOSSES["aligned"]
    pairs = zip(output.stages_query, output.stages_key, output.stage_masks, strict=True)
    terms = [0.25 * stage_loss(*each) for each in pairs]
    return InfoNCELoss(0.2)(output.positive, output.negative, output.mask) + sum(terms), output


@pytest.mark.parametrize("accumulation_steps", [1, 2])
def test_iterations_equal_plain_steps(accumulation_steps: int) -> None:
    moco, data = small_moco("aligned", queue=64, bn_splits=2), batches(2, geometry=True)
    twin = copy.deepcopy(moco)
    rows = run_noting(trainer_of(moco, data, "aligned", accumulation_steps=accumulation_steps))
    optimizer = torch.optim.SGD([p for p in twin.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
    for number, (row, batch) in enumerate(zip(rows, data, strict=True)):
        first = number % accumulation_steps == 0
        total, output = total_of(twin, batch, first)
        if first:
            optimizer.zero_grad()
        (total / accumulation_steps).backward()
        if number % accumulation_steps == accumulation_steps - 1:
            optimizer.step()
        assert row["loss/total"] == pytest.approx(total.item(), rel=1e-5)
        assert row["overlap/share"] == pytest.approx(output.overlap.mean().item(), rel=1e-6)
        for name, masks in zip(("", "_stage2", "_stage3", "_stage4"), output.stage_masks, strict=True):
            compared = [bool(mask.any()) for mask in masks]
            assert row[f"overlap/left_out{name}"] == pytest.approx(1 - sum(compared) / len(compared))
    for ours, plain in zip(moco.state_dict().values(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-6)


def test_other_methods_have_no_overlap() -> None:
    rows = run_noting(trainer_of(small_moco("map"), batches(1, geometry=True), "map"))
    assert not any(name.startswith("overlap") for name in rows[0])


def test_a_batch_without_any_overlap_has_no_stage_loss_and_goes_on() -> None:
    data = batches(3, geometry=True)
    apart = torch.tensor([[[0.2, 0.0, -0.7], [0.0, 0.2, 0.0]]]).expand(8, 1, 2, 3)
    data[1] |= {"view1_geometry": apart, "view2_geometry": -apart}
    rows = run_noting(trainer_of(small_moco("aligned"), data, "aligned"))
    assert [row["overlap/left_out"] == 1 for row in rows] == [False, True, False]
    assert [row["loss/stage1"] == 0 for row in rows] == [False, True, False]


@pytest.mark.parametrize("channels_last", [False, True])
def test_half_precision_trains_alike(channels_last: bool) -> None:
    moco = small_moco("aligned", bn_splits=2)
    if channels_last:
        moco = moco.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    options = {"channels_last": channels_last}
    rows = run_noting(trainer_of(moco, batches(2, geometry=True), "aligned", precision="bf16", **options))
    exact = run_noting(trainer_of(small_moco("aligned", bn_splits=2), batches(2, geometry=True), "aligned", **options))
    for number in range(1, 5):
        assert rows[0][f"loss/stage{number}"] == pytest.approx(exact[0][f"loss/stage{number}"], rel=0.1)
        assert rows[0][f"loss/stage{number}"] != exact[0][f"loss/stage{number}"]
    assert rows[0]["overlap/share"] == exact[0]["overlap/share"]


def test_activation_checkpointing_changes_nothing() -> None:
    plain, recomputing = small_moco("aligned", bn_splits=2), small_moco("aligned", bn_splits=2)
    recomputing.query_encoder._recompute = True
    for network in (plain, recomputing):
        trainer_of(network, batches(2, geometry=True), "aligned").run()
    for name, value in recomputing.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[name], rtol=1e-6, atol=1e-8)


def test_a13_views_that_do_not_tell_how_they_lie_are_refused_before_any_work() -> None:
    crop = RandResizedCrop(32)
    with pytest.raises(UsageError, match="set geometry of TwoViewsd"):
        trainer_of(small_moco("aligned"), batches(1), "aligned", views=TwoViewsd("image", crop))
    trainer_of(small_moco("aligned"), batches(1), "aligned", views=TwoViewsd("image", crop, geometry=True))
    trainer_of(small_moco("map"), batches(1), "map", views=TwoViewsd("image", crop))
    with pytest.raises(UsageError, match="set geometry of TwoViewsd"):  # the loader makes them
        trainer_of(small_moco("aligned"), batches(1), "aligned").run()
    for missing in GEOMETRY:
        (batch,) = batches(1, geometry=True)
        del batch[missing]
        with pytest.raises(UsageError, match="give geometry= of both views"):
            trainer_of(small_moco("aligned"), [batch], "aligned").run()


def test_the_epochs_line_counts_the_pairs_that_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    data = batches(2, geometry=True)
    apart = geometries(8, seed=1)[0].clone()
    apart[:, 0, :, :2] *= 0.01  # shares too little with anything
    data[0]["view1_geometry"] = apart
    trainer = trainer_of(small_moco("aligned"), data, "aligned")
    EpochLog().attach(trainer)
    with caplog.at_level(logging.INFO):
        rows = run_noting(trainer)
    assert rows[0]["overlap/left_out"] == 1
    mean = (rows[0]["overlap/left_out"] + rows[1]["overlap/left_out"]) / 2
    assert f"pairs left out {mean:.3f}" in caplog.text


def test_one_warning_where_most_pairs_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    moco = small_moco("aligned")
    for head in moco.stage_heads:
        head.min_overlap = 1.0
    trainer = trainer_of(moco, batches(2, geometry=True), "aligned", max_epochs=2)
    EpochLog().attach(trainer)
    with caplog.at_level(logging.INFO):
        trainer.run()
    assert caplog.text.count("100 % of the view pairs were left out in epoch 1") == 1
    assert caplog.text.count("of the view pairs were left out") == 1


def _network(bn_splits: int) -> MoCo:
    return small_moco("aligned", queue=20, bn_splits=bn_splits).double()


def _data() -> list[dict[str, torch.Tensor]]:
    return batches(4, dtype=torch.float64, geometry=True)


OPTIONS: Any = {"lr": LEARNING_RATE_SHARE * 0.05, "channels_last": False}


def train_half(rank: int) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    network = DistributedDataParallel(_network(1), broadcast_buffers=False)
    halves = [{name: value.chunk(2)[rank] for name, value in batch.items()} for batch in _data()]
    rows = run_noting(trainer_of(network, halves, "aligned", **OPTIONS))
    return network.module.state_dict(), rows


@pytest.mark.slow
@pytest.mark.numeric
def test_a13_two_processes_of_half_the_batch_equal_one_process() -> None:
    one = _network(2)
    rows = run_noting(trainer_of(one, _data(), "aligned", **OPTIONS))
    (first, first_rows), (second, second_rows) = in_processes(train_half, 2)

    def shared(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """All except the running statistics: each process keeps those of its own part."""
        return {name: value for name, value in state.items() if "running" not in name and "num_batches" not in name}

    for state in (first, second):
        assert_equal_to_rounding(shared(state), shared(one.state_dict()))
    for row, a, b in zip(rows, first_rows, second_rows, strict=True):
        for name in ("loss/total", "loss/stage1", "overlap/share", "overlap/left_out"):
            assert (a[name] + b[name]) / 2 == pytest.approx(row[name], rel=1e-9)
