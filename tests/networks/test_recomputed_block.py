"""Activation checkpointing changes neither gradients nor BatchNorm's running statistics."""

from __future__ import annotations

import pytest
import torch

from monai_mocoi.engines import MoCoTrainer
from monai_mocoi.networks import StageEncoder
from tests.networks.small import small_moco, small_resnet
from tests.support.moco_training import batches, run_noting, trainer_of


def with_checkpointing(method: str, wanted: bool, **options: int) -> MoCoTrainer:
    moco = small_moco(method, **options)
    moco.query_encoder._recompute = wanted
    return trainer_of(moco, batches(3), method)


@pytest.mark.parametrize("method", ["moco", "map"])
@pytest.mark.parametrize("parts", [1, 2])
def test_a_run_is_the_same_with_and_without(method: str, parts: int) -> None:
    trainers = [with_checkpointing(method, wanted, bn_splits=parts) for wanted in (False, True)]
    rows = [run_noting(trainer) for trainer in trainers]
    assert rows[0] == rows[1]
    without, with_it = (trainer.moco.state_dict() for trainer in trainers)
    for name, value in without.items():
        torch.testing.assert_close(with_it[name], value, rtol=1e-6, atol=0, msg=name)
    assert int(with_it["query_encoder.backbone.bn1.num_batches_tracked"]) == 3
    assert int(with_it["query_encoder.backbone.layer1.0.bn1.num_batches_tracked"]) == 3


def test_blocks_are_computed_again_only_for_gradients() -> None:
    encoder = StageEncoder(small_resnet(), activation_checkpointing=True)
    calls: list[bool] = []
    encoder.backbone.layer2[0].conv2.register_forward_hook(lambda *_: calls.append(torch.is_grad_enabled()))
    with torch.no_grad():
        encoder(torch.rand(2, 1, 32, 32))
    encoder.eval()(torch.rand(2, 1, 32, 32)).embedding.sum().backward()
    assert len(calls) == 2
    encoder.train()(torch.rand(2, 1, 32, 32)).embedding.sum().backward()
    assert len(calls) == 4
    norm = encoder.backbone.layer2[0].bn2
    assert (norm.momentum, int(norm.num_batches_tracked)) == (0.1, 2)


def test_it_keeps_less_for_the_backward_pass() -> None:
    kept = {}
    for wanted in (False, True):
        encoder, count = StageEncoder(small_resnet(), activation_checkpointing=wanted), [0]

        def pack(tensor: torch.Tensor, count: list[int] = count) -> torch.Tensor:
            count[0] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            encoder(torch.rand(8, 1, 64, 64))
        kept[wanted] = count[0]
    assert kept[True] < 0.6 * kept[False]


def test_not_together_with_compile() -> None:
    moco = small_moco()
    moco.query_encoder._recompute = True
    with pytest.raises(ValueError, match="activation_checkpointing and compile"):
        trainer_of(moco, batches(1), compile=True)


@pytest.mark.parametrize("block", ["bottleneck", "basic"])
def test_gradients_and_statistics_of_both_kinds_of_block(block: str) -> None:
    torch.manual_seed(3)
    plain, images = StageEncoder(small_resnet(block)), torch.rand(4, 1, 32, 32)
    other = StageEncoder(small_resnet(block), activation_checkpointing=True)
    other.load_state_dict(plain.state_dict())
    for encoder in (plain, other):
        encoder.train()(images).embedding.square().sum().backward()
    for (name, own), theirs in zip(plain.named_parameters(), other.parameters(), strict=True):
        assert own.grad is not None
        torch.testing.assert_close(theirs.grad, own.grad, msg=name)
    for name, value in plain.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
