from __future__ import annotations

from typing import Any

import pytest
import torch
from ignite.engine import Events

from monai_mocoi.engines import MoCoEvaluator, moco_evaluator
from monai_mocoi.losses import InfoNCELoss
from monai_mocoi.networks import MoCo
from tests.networks.small import small_moco, views
from tests.support.processes import in_processes


def evaluator_of(moco: MoCo, data: list[dict[str, torch.Tensor]], **options: Any) -> MoCoEvaluator:
    return MoCoEvaluator("cpu", data, moco, temperature=0.2, precision="float32", **options)


def batches(sizes: list[int]) -> list[dict[str, torch.Tensor]]:
    result = []
    for number, size in enumerate(sizes):
        view1, view2 = views(size, seed=number)
        result.append({"view1": view1, "view2": view2})
    return result


@pytest.mark.parametrize("block", [1, 3, 1024])
def test_metrics_equal_the_naive_loops(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moco_evaluator, "_BLOCK", block)
    moco, data = small_moco(), batches([4, 4, 1])
    evaluator = evaluator_of(moco, data)
    evaluator.run()
    with torch.no_grad():
        moco.eval()
        query = torch.cat([moco.embed(b["view1"]) for b in data])
        key = torch.cat([moco.embed(b["view2"]) for b in data])
    losses, top1, top5 = [], [], []
    for i in range(9):
        others = [j for j in range(9) if j != i]
        negative = torch.stack([query[i] @ key[j] for j in others])
        positive = query[i] @ key[i]
        losses.append(float(InfoNCELoss(0.2)(positive[None], negative[None])))
        ahead = int((negative >= positive).sum())
        top1.append(ahead < 1)
        top5.append(ahead < 5)
    metrics = evaluator.state.metrics
    assert metrics["validation/contrastive_loss"] == pytest.approx(sum(losses) / 9, rel=1e-5)
    assert metrics["validation/relative_loss"] == pytest.approx(
        sum(losses) / 9 / torch.tensor(9.0).log().item(), rel=1e-5
    )
    assert metrics["validation/top1"] == pytest.approx(sum(top1) / 9)
    assert metrics["validation/top5"] == pytest.approx(sum(top5) / 9)
    assert metrics["validation/top1_chance"] == pytest.approx(1 / 9)
    assert metrics["validation/top5_chance"] == pytest.approx(5 / 9)


def test_a5_validation_neither_moves_the_average_nor_enters_the_queue() -> None:
    moco = small_moco("barlow", bn_splits=2).train()
    before = {name: value.clone() for name, value in moco.state_dict().items()}
    evaluator_of(moco, batches([4, 3])).run()
    assert all(torch.equal(before[name], value) for name, value in moco.state_dict().items())
    assert moco.training  # and training goes on where it was


def test_a6_negatives_are_other_validation_keys_whatever_the_queue_holds() -> None:
    moco, data = small_moco(), batches([5])
    empty = evaluator_of(moco, data)
    empty.run()
    moco.queue.enqueue(torch.nn.functional.normalize(torch.rand(16, 12), dim=1))
    full = evaluator_of(moco, data)
    full.run()
    assert empty.state.metrics == full.state.metrics


def test_a6_identical_views_would_look_perfect_so_they_are_not_used() -> None:
    moco, data = small_moco(), batches([6, 6])
    same = [{"view1": b["view1"], "view2": b["view1"]} for b in data]
    flattering, honest = evaluator_of(moco, same), evaluator_of(moco, data)
    flattering.run()
    honest.run()
    assert flattering.state.metrics["validation/top1"] == 1
    assert honest.state.metrics["validation/contrastive_loss"] > flattering.state.metrics["validation/contrastive_loss"]


def test_handlers_see_this_epochs_metrics_and_a_second_run_starts_anew() -> None:
    seen: list[float] = []

    class Note:
        def attach(self, engine: MoCoEvaluator) -> None:
            engine.add_event_handler(
                Events.EPOCH_COMPLETED, lambda e: seen.append(e.state.metrics["validation/top1_chance"])
            )

    evaluator = evaluator_of(small_moco(), batches([4]), val_handlers=[Note()])
    evaluator.run()
    evaluator.run(2)
    assert seen == [0.25, 0.25]


def test_one_image_tells_nothing() -> None:
    evaluator = evaluator_of(small_moco(), batches([1]))
    evaluator.run()
    assert evaluator.state.metrics == {}


def indexed(sizes: list[int], order: list[int] | None = None) -> list[dict[str, torch.Tensor]]:
    """Batches of float64 images, number i looking the same wherever it stands; ``order`` is cut into the sizes."""
    view1, view2 = (v.double() for v in views(sum(sizes), seed=5))
    order = list(range(sum(sizes))) if order is None else order
    rows = torch.tensor(order, dtype=torch.long).split(sizes)
    return [{"view1": view1[r], "view2": view2[r], "index": r} for r in rows]


Shares = list[list[dict[str, torch.Tensor]]]


def metrics_of_a_share(rank: int, cases: list[Shares]) -> list[tuple[dict[str, float], int]]:
    found = []
    for shares in cases:
        evaluator = evaluator_of(small_moco().double(), shares[rank], channels_last=False)
        evaluator.run(3)
        found.append((evaluator.state.metrics, evaluator.state.epoch))
    return found


def test_order_of_the_images_does_not_matter_and_each_counts_once() -> None:
    whole = evaluator_of(small_moco().double(), indexed([4, 5]), channels_last=False)
    whole.run()
    again = [*indexed([4, 5], [8, 3, 0, 1, 2, 5, 4, 7, 6]), *indexed([9])]
    repeated = evaluator_of(small_moco().double(), again, channels_last=False)
    repeated.run()
    assert repeated.state.metrics == pytest.approx(whole.state.metrics, rel=1e-9)


@pytest.mark.slow
@pytest.mark.numeric
def test_two_processes_measure_what_one_does_even_if_one_of_them_has_no_image() -> None:
    whole = evaluator_of(small_moco().double(), indexed([11]), channels_last=False)
    whole.run()
    dealt = indexed([4, 2, 5], [0, 1, 2, 3, 8, 9, 4, 5, 6, 7, 10])
    cases: list[Shares] = [[dealt[:2], dealt[2:]], [indexed([11]), []]]
    for found in in_processes(metrics_of_a_share, 2, cases):
        for metrics, epoch in found:
            assert metrics == pytest.approx(whole.state.metrics, rel=1e-9)
            assert epoch == 3


def test_memory_does_not_grow_with_the_square_of_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of all pairs would take gigabytes for the validation images of a histopathology set."""
    evaluator, made = evaluator_of(small_moco(), batches([8, 8])), list[int]()
    for name in ("eye", "ones", "ones_like", "zeros"):
        inner = getattr(torch, name)

        def noted(*args: Any, inner: Any = inner, **options: Any) -> torch.Tensor:
            made.append((tensor := inner(*args, **options)).numel())
            return tensor

        monkeypatch.setattr(torch, name, noted)
    monkeypatch.setattr(moco_evaluator, "_BLOCK", 2)
    evaluator.run()
    assert max(made) == 2 * 16
