from __future__ import annotations

import copy
import logging
import math
from typing import Any

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from monai_mocoi.data import EpochSampler
from monai_mocoi.engines import moco_trainer as module
from monai_mocoi.losses import InfoNCELoss
from monai_mocoi.networks import MoCo
from tests.networks.small import small_moco
from tests.support.moco_training import STAGE_LOSSES, batches, run_noting, trainer_of
from tests.support.processes import in_processes
from tests.support.rounding import LEARNING_RATE_SHARE, assert_equal_to_rounding


@pytest.mark.parametrize("method", ["moco", "map", "barlow"])
def test_one_iteration_equals_a_plain_step(method: str) -> None:
    moco = small_moco(method, bn_splits=2)
    twin = copy.deepcopy(moco)
    data = batches(2)
    rows = run_noting(trainer_of(moco, data, method))

    optimizer = torch.optim.SGD([p for p in twin.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
    for row, batch in zip(rows, data, strict=True):
        output = twin(batch["view1"], batch["view2"], batch["index"])
        contrastive = InfoNCELoss(0.2)(output.positive, output.negative, output.mask)
        stage_loss = STAGE_LOSSES[method]
        terms = (
            [0.25 * stage_loss(q, k) for q, k in zip(output.stages_query, output.stages_key, strict=True)]
            if stage_loss
            else []
        )
        total = contrastive + sum(terms)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        assert row["loss/contrastive"] == pytest.approx(contrastive.item(), rel=1e-5)
        assert [row[f"loss/stage{i}"] for i in range(1, 5) if terms] == pytest.approx(
            [t.item() for t in terms], rel=1e-4
        )
        assert row["loss/total"] == pytest.approx(total.item(), rel=1e-5)
        negatives = output.mask.sum(1).double()
        if negatives.min() > 0:
            relative = InfoNCELoss(0.2, "none")(output.positive, output.negative, output.mask) / (1 + negatives).log()
            assert row["contrastive/relative_loss"] == pytest.approx(relative.mean().item(), rel=1e-5)
            mean_negative = output.negative[output.mask].mean().item()
            assert row["similarity/negative"] == pytest.approx(mean_negative, rel=1e-4, abs=1e-7)
        assert row["similarity/positive"] == pytest.approx(output.positive.mean().item(), rel=1e-5)
    for ours, plain in zip(moco.state_dict().values(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-6)


def test_stages_are_watched_every_few_iterations() -> None:
    rows = run_noting(trainer_of(small_moco(), batches(5), watch_every=2))
    assert ["spread/stage1" in row for row in rows] == [True, False, True, False, True]
    with pytest.raises(ValueError, match="watch_every is 0"):
        trainer_of(small_moco(), batches(1), watch_every=0)


def test_first_step_without_negatives_tells_nothing() -> None:
    first, second = run_noting(trainer_of(small_moco(), batches(2)))
    assert first["loss/contrastive"] == 0
    for silent in ("contrastive/relative_loss", "contrastive/top1", "similarity/negative"):
        assert silent not in first
        assert silent in second
    assert first["queue/fill"] == 0.5
    assert {f"spread/stage{i}" for i in range(1, 5)} | {"spread/embedding", "schedule/learning_rate"} <= set(first)


def test_accumulation_steps_once_for_several_batches_and_flushes_at_the_end() -> None:
    moco = small_moco(momentum=0.5)
    trainer = trainer_of(moco, batches(5), accumulation_steps=2)
    steps: list[int] = []
    moves: list[int] = []
    real_step, real_move = trainer.optimizer.step, moco.update_key_encoder

    def step(*args: Any, **kwargs: Any) -> Any:
        steps.append(trainer.state.iteration)
        return real_step(*args, **kwargs)

    def move() -> None:
        moves.append(trainer.state.iteration)
        real_move()

    trainer.optimizer.step = step  # type: ignore[method-assign]
    moco.update_key_encoder = move  # type: ignore[method-assign]
    trainer.run()
    assert steps == [2, 4, 5]
    assert moves == [1, 3, 5]


def test_accumulated_gradient_is_the_mean_over_the_batches() -> None:
    moco, data = small_moco("map", queue=64), batches(2)
    twin = copy.deepcopy(moco)
    trainer = trainer_of(moco, data, "map", lr=0.0, accumulation_steps=2)
    trainer.run()
    for number, batch in enumerate(data):
        output = twin(batch["view1"], batch["view2"], batch["index"], move_key_encoder=number == 0)
        loss = InfoNCELoss(0.2)(output.positive, output.negative, output.mask)
        pairs = zip(output.stages_query, output.stages_key, strict=True)
        loss = loss + sum(0.25 * STAGE_LOSSES["map"](q, k) for q, k in pairs)  # type: ignore[misc]
        (loss / 2).backward()
    for ours, plain in zip(moco.query_encoder.parameters(), twin.query_encoder.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, plain.grad, rtol=1e-3, atol=1e-6)


def test_clipping_bounds_the_step() -> None:
    moco = small_moco("map")
    before = [p.clone() for p in moco.parameters() if p.requires_grad]
    trainer_of(moco, batches(1), "map", lr=1.0, max_grad_norm=1e-3).run()
    after = [p for p in moco.parameters() if p.requires_grad]
    moved = math.sqrt(sum(float((a - b).detach().square().sum()) for a, b in zip(after, before, strict=True)))
    assert moved == pytest.approx(1e-3, rel=1e-3)


def test_bfloat16_runs_the_networks_but_keeps_weights_and_losses_in_float32() -> None:
    moco = small_moco("barlow")
    rows = run_noting(trainer_of(moco, batches(3), "barlow", precision="bf16"))
    exact = run_noting(trainer_of(small_moco("barlow"), batches(3), "barlow"))
    assert all(p.dtype == torch.float32 for p in moco.parameters())
    assert rows[0]["loss/total"] == pytest.approx(exact[0]["loss/total"], rel=0.1)
    assert rows[0]["loss/total"] != exact[0]["loss/total"]


def test_a_loss_that_is_not_finite_stops_the_run_and_is_named() -> None:
    data = batches(3)
    data[1]["view1"][0] = float("nan")
    with pytest.raises(FloatingPointError, match=r"iteration 2: loss/total, loss/contrastive is not finite"):
        trainer_of(small_moco(), data).run()


def test_a26_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        moco = small_moco("barlow", bn_splits=2, seed=seed)
        trainer_of(moco, batches(4), "barlow", precision="bf16").run()
        return moco.state_dict()

    one, two, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["query_encoder.backbone.conv1.weight"], other["query_encoder.backbone.conv1.weight"])


def test_sampler_is_told_every_epoch() -> None:
    sampler = EpochSampler(16, seed=3)

    class Pairs(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 16

        def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
            seen.append(tuple(key))
            return {"view1": torch.rand(1, 32, 32), "view2": torch.rand(1, 32, 32), "index": key[1]}

    seen: list[tuple[int, int]] = []
    loader = torch.utils.data.DataLoader(Pairs(), batch_size=8, sampler=sampler)
    trainer_of(small_moco(), loader, max_epochs=3).run()
    assert [epoch for epoch, _ in seen] == [0] * 16 + [1] * 16 + [2] * 16
    orders = [[index for _, index in seen[start : start + 16]] for start in (0, 16, 32)]
    assert all(sorted(order) == list(range(16)) for order in orders)
    assert orders[0] != orders[1] != orders[2]


@pytest.mark.slow
def test_compiled_encoders_train_alike_and_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []

    def compile_fast(module: torch.nn.Module) -> None:  # graphs as by default; their C++ would take a minute
        traced.append(module)
        module._compiled_call_impl = torch.compile(module._call_impl, backend="aot_eager")

    monkeypatch.setattr(torch.nn.Module, "compile", compile_fast)
    plain, compiled = small_moco(), small_moco()
    names = list(compiled.state_dict())
    rows = run_noting(trainer_of(plain, batches(2)))
    same = run_noting(trainer_of(compiled, batches(2), compile=True))
    assert list(compiled.state_dict()) == names
    assert traced == [compiled.query_encoder, compiled.key_encoder]
    assert same[-1]["loss/total"] == pytest.approx(rows[-1]["loss/total"], rel=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
@pytest.mark.parametrize("method", ["moco", "map", "barlow"])
def test_cuda_trains_in_every_precision_and_keeps_its_scaler(method: str, precision: str) -> None:
    moco = small_moco(method, bn_splits=2).to("cuda", memory_format=torch.channels_last)
    trainer = trainer_of(moco, batches(3), method, device="cuda", precision=precision)
    rows = run_noting(trainer)
    exact = run_noting(trainer_of(small_moco(method, bn_splits=2), batches(3), method))
    assert rows[0]["loss/total"] == pytest.approx(exact[0]["loss/total"], rel=0.1, abs=1e-3)
    assert all(math.isfinite(row["loss/total"]) for row in rows)
    assert trainer.scaler.is_enabled() == (precision == "fp16")
    assert ("scale" in trainer.scaler.state_dict()) == (precision == "fp16")


def test_bad_settings_are_refused_before_any_work() -> None:
    with pytest.raises(ValueError, match="max_epochs is 0"):
        trainer_of(small_moco(), batches(1), max_epochs=0)
    with pytest.raises(ValueError, match="accumulation_steps is 0"):
        trainer_of(small_moco(), batches(1), accumulation_steps=0)
    with pytest.raises(ValueError, match=r"accumulation_steps is 4, but an epoch has 3 batches: set .* to 3 or less"):
        trainer_of(small_moco(), batches(3), accumulation_steps=4)
    with pytest.raises(ValueError, match="max_grad_norm is -1"):
        trainer_of(small_moco(), batches(1), max_grad_norm=-1)
    with pytest.raises(ValueError, match=r"4 stage_weights.*0 stage"):
        trainer_of(small_moco("moco"), batches(1), "map")
    with pytest.raises(ValueError, match="lower batch_size"):
        trainer_of(small_moco(), [])


def test_an_epoch_is_one_pass_over_the_data() -> None:
    for length in (1, 4):
        with pytest.raises(ValueError, match=rf"epoch_length is {length}, but the loader has 3 batches.*null"):
            trainer_of(small_moco(), batches(3), epoch_length=length)
    assert len(run_noting(trainer_of(small_moco(), batches(3), epoch_length=3, max_epochs=2))) == 6


PARTS = "A BatchNorm part holds"


def warnings_of(caplog: pytest.LogCaptureFixture, network: MoCo, size: int, **options: Any) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        trainer_of(network, batches(2, size), max_epochs=2, **options).run()
    return [message for message in caplog.messages if message.startswith(PARTS)]


def test_batch_norm_parts_that_are_too_small_are_named_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = warnings_of(caplog, small_moco(bn_splits=2), size=7)
    assert text.startswith(f"{PARTS} 3 image(s), but should hold 4 or more (batch_size 7 in each process, bn_splits 2,")
    assert "images of 32 x 32 pixels" in text
    assert text.endswith("Set batch_size to 8 or more, or bn_splits to 1.")
    (text,) = warnings_of(caplog, small_moco(), size=3)
    assert text.endswith("Set batch_size to 4 or more.")
    assert warnings_of(caplog, small_moco(bn_splits=2), size=8) == []
    assert warnings_of(caplog, without_batch_norm(small_moco(head="linear", bn_splits=2)), size=6) == []
    monkeypatch.setattr(module, "rank", lambda: 1)
    assert warnings_of(caplog, small_moco(), size=3) == []


def without_batch_norm(network: MoCo) -> MoCo:
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, torch.nn.modules.batchnorm._BatchNorm):
                setattr(parent, name, torch.nn.GroupNorm(1, child.num_features))
    return network


SLOW = LEARNING_RATE_SHARE * 0.05


def _network(method: str, bn_splits: int) -> MoCo:
    return small_moco(method, queue=20, bn_splits=bn_splits).double()


def train_half(rank: int, method: str) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    network = DistributedDataParallel(_network(method, 1), broadcast_buffers=False)
    halves = [
        {name: value.chunk(2)[rank] for name, value in batch.items()} for batch in batches(4, dtype=torch.float64)
    ]
    rows = run_noting(trainer_of(network, halves, method, lr=SLOW, channels_last=False))
    return network.module.state_dict(), rows


@pytest.mark.slow
@pytest.mark.numeric
@pytest.mark.parametrize("method", ["moco", "map", "barlow"])
def test_b3_two_processes_of_half_the_batch_equal_one_process_with_two_batch_norm_parts(method: str) -> None:
    one = _network(method, 2)
    rows = run_noting(trainer_of(one, batches(4, dtype=torch.float64), method, lr=SLOW, channels_last=False))
    moved = (one.query_encoder.backbone.conv1.weight - _network(method, 2).query_encoder.backbone.conv1.weight).abs()
    assert moved.max() > 1e-5
    (first, first_rows), (second, second_rows) = in_processes(train_half, 2, method)

    def shared(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """All except the running statistics: each process keeps those of its own part."""
        return {name: value for name, value in state.items() if "running" not in name and "num_batches" not in name}

    for state in (first, second):
        assert_equal_to_rounding(shared(state), shared(one.state_dict()))
    for row, a, b in zip(rows, first_rows, second_rows, strict=True):
        assert (a["loss/total"] + b["loss/total"]) / 2 == pytest.approx(row["loss/total"], rel=1e-9)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_losses_are_computed_without_autocast(precision: str) -> None:
    """Products of wide Barlow features, some 4 million, are beyond fp16, which auto takes on older GPUs."""
    moco, found = small_moco("barlow"), list[bool]()
    trainer = trainer_of(moco, batches(2), "barlow", precision=precision)
    for name in ("contrastive_loss", "stage_loss"):
        inner = getattr(trainer, name)

        def noted(*args: torch.Tensor, inner: Any = inner) -> torch.Tensor:
            found.append(torch.is_autocast_enabled("cpu"))
            assert (args[0] @ args[0].mT if args[0].ndim == 2 else args[0]).dtype == torch.float32
            return inner(*args)

        setattr(trainer, name, noted)
    trainer.run()
    assert len(found) == 2 * 5
    assert not any(found)
