from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from ignite.engine import Events
from torch.nn.parallel import DistributedDataParallel

from monai_mocoi.engines import ClassifierTrainer, classifier_trainer, is_whole, trainer_by_solver
from monai_mocoi.errors import NotFiniteError
from monai_mocoi.losses import classification_loss
from monai_mocoi.networks import Classifier, StageEncoder
from tests.engines.classifiers import dataset_of, loader_of, trainer_of
from tests.networks.small import small_resnet, views
from tests.support.processes import in_processes


def classifier(**options: Any) -> Classifier:
    return Classifier(StageEncoder(small_resnet()), 3, **{"seed": 1, **options})


def batches(count: int, kind: str = "multilabel", size: int = 8) -> list[dict[str, torch.Tensor]]:
    result = []
    for number in range(count):
        images, _ = views(size, seed=number)
        rows = torch.arange(size) + number * size
        labels = torch.stack([rows % 2, rows % 3 == 0, rows % 5 < 2], dim=1).float()
        result.append({"image": images, "label": labels if kind == "multilabel" else rows % 3, "index": rows})
    return result


def run_noting(trainer: ClassifierTrainer) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: rows.append(dict(e.state.output)))
    trainer.run()
    return rows


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
@pytest.mark.parametrize("trainable", ["all", "head"])
def test_one_iteration_equals_a_plain_step(kind: str, trainable: str) -> None:
    network = classifier(trainable=trainable)
    twin = copy.deepcopy(network)
    weights, data = torch.tensor([1.0, 2.0, 0.5]), batches(3, kind)
    rows = run_noting(trainer_of(network, data, loss=classification_loss(kind, weights)))
    optimizer = torch.optim.SGD([p for p in twin.parameters() if p.requires_grad], lr=0.05)
    function = torch.nn.functional.cross_entropy
    for row, batch in zip(rows, data, strict=True):
        twin.train()
        logits = twin(batch["image"])
        if kind == "multilabel":
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch["label"], pos_weight=weights)
        else:
            loss = function(logits, batch["label"], weight=weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert row == pytest.approx(
            {"loss/total": loss.item(), "loss/classification": loss.item(), "schedule/learning_rate": 0.05}, rel=1e-5
        )
    for ours, plain in zip(network.state_dict().values(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-6)


def test_a16_with_trainable_head_not_a_bit_of_the_encoder_moves() -> None:
    network = classifier(trainable="head")
    before = copy.deepcopy(network.state_dict())
    everything = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.5)  # even with a careless optimiser
    trainer_of(network, batches(3), optimizer=everything, max_epochs=2).run()
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("encoder."))
    assert not torch.equal(before["head.weight"], after["head.weight"])


@pytest.mark.parametrize("trainable", ["all", "head"])
def test_it_learns(trainable: str) -> None:
    rows = run_noting(trainer_of(classifier(trainable=trainable), batches(1), lr=0.5, max_epochs=30))
    assert rows[-1]["loss/total"] < 0.95 * rows[0]["loss/total"]


def test_the_loss_is_computed_in_float32_under_bfloat16_and_in_float64_for_a_double_network() -> None:
    seen = []

    def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append((logits.dtype, torch.is_autocast_enabled("cpu")))
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))

    trainer_of(classifier(), batches(1), loss=loss, precision="bf16").run()
    doubled = [{**batch, "image": batch["image"].double()} for batch in batches(1)]
    trainer_of(classifier().double(), doubled, loss=loss).run()
    assert seen == [(torch.float32, False), (torch.float64, False)]


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_images_by_their_list() -> None:
    data = batches(3)
    data[1]["image"][0] = float("nan")
    network = classifier()
    with pytest.raises(NotFiniteError, match=r"iteration 2: loss/total, loss/classification is not finite") as caught:
        trainer_of(network, data).run()
    assert "training in labelled.json" in str(caught.value)
    assert all(p.isfinite().all() for p in network.parameters())


def test_a26_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    def weights(seed: int) -> dict[str, torch.Tensor]:
        network = classifier(seed=seed)
        data = loader_of(dataset_of([[0, 1, i % 2] for i in range(9)]), shuffle=True)
        trainer_of(network, data, max_epochs=2, precision="bf16").run()
        return network.state_dict()

    one, two, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_a_run_is_whole_at_its_last_epoch_or_when_it_has_converged() -> None:
    def ended_after(epoch: int, converged: bool) -> bool:
        trainer = trainer_of(classifier(), batches(1), max_epochs=3)

        @trainer.on(Events.EPOCH_COMPLETED(once=epoch))
        def _(engine: ClassifierTrainer) -> None:
            engine.converged = converged
            engine.terminate()

        trainer.run()
        assert trainer.state.epoch == epoch
        return is_whole(trainer)

    assert ended_after(2, converged=True)
    assert not ended_after(2, converged=False)
    whole = trainer_of(classifier(), batches(1), max_epochs=3)
    whole.run()
    assert is_whole(whole)


def some_unknown(count: int) -> list[dict[str, torch.Tensor]]:
    """Batches with unknown labels, most of them in the second half of each, in float64."""
    data = [{"image": b["image"].double(), "label": b["label"].double()} for b in batches(count)]
    for batch in data:
        batch["label"][1, 0] = batch["label"][5:, :] = -1
    return data


def train_half_of_what_is_known(rank: int) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    network = DistributedDataParallel(classifier(trainable="head").double())
    halves = [{name: value.chunk(2)[rank] for name, value in batch.items()} for batch in some_unknown(3)]
    rows = run_noting(trainer_of(network, halves, loss=classification_loss("multilabel", some_unknown=True)))
    return network.module.state_dict(), rows


@pytest.mark.slow
@pytest.mark.numeric
def test_two_processes_equal_one_where_labels_are_unknown_in_one_of_them() -> None:
    network = classifier(trainable="head").double()
    loss = classification_loss("multilabel", some_unknown=True)
    rows = run_noting(trainer_of(network, some_unknown(3), loss=loss))
    for weights, half_rows in in_processes(train_half_of_what_is_known, 2):
        for name, value in network.state_dict().items():
            torch.testing.assert_close(weights[name], value, rtol=1e-9, atol=1e-12, msg=name)
        for row, half in zip(rows, half_rows, strict=True):
            assert half == pytest.approx(row, rel=1e-9)


def train_half(rank: int) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    # A frozen encoder's BatchNorm does not depend on the batch, so that two halves are the whole.
    network = DistributedDataParallel(classifier(trainable="head").double())
    halves = [
        {"image": b["image"].chunk(2)[rank].double(), "label": b["label"].chunk(2)[rank].double()} for b in batches(3)
    ]
    rows = run_noting(trainer_of(network, halves))
    return network.module.state_dict(), rows


@pytest.mark.slow
@pytest.mark.numeric
def test_two_processes_of_half_the_batch_equal_one_process() -> None:
    network = classifier(trainable="head").double()
    whole = [{"image": b["image"].double(), "label": b["label"].double()} for b in batches(3)]
    rows = run_noting(trainer_of(network, whole))
    for weights, half_rows in in_processes(train_half, 2):
        for name, value in network.state_dict().items():
            torch.testing.assert_close(weights[name], value, rtol=1e-9, atol=1e-12, msg=name)
        for row, half in zip(rows, half_rows, strict=True):
            assert half == pytest.approx(row, rel=1e-9)


def made(monkeypatch: pytest.MonkeyPatch, solver: str) -> tuple[str, dict[str, Any]]:
    for name in ("ClassifierTrainer", "LinearTrainer"):
        monkeypatch.setattr(classifier_trainer, name, lambda *_, name=name, **arguments: (name, arguments))
    both: Any = {"train_handlers": ["saver"], "gradient_handlers": ["schedule"], "linear": {"kind": "multiclass"}}
    return trainer_by_solver(solver, "cpu", None, max_epochs=3, **both)  # type: ignore[arg-type, return-value]


def test_the_solver_picks_the_trainer_and_its_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    name, arguments = made(monkeypatch, "gradient")
    assert (name, arguments["train_handlers"]) == ("ClassifierTrainer", ["saver", "schedule"])
    assert (arguments["max_epochs"], "kind" in arguments) == (3, False)
    name, arguments = made(monkeypatch, "lbfgs")
    assert (name, arguments["train_handlers"]) == ("LinearTrainer", ["saver"])
    assert (arguments["kind"], "max_epochs" in arguments) == ("multiclass", False)


def test_another_solver_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="newton"):
        made(monkeypatch, "newton")
