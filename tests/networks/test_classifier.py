"""The classifier: which stage it reads, what it trains, and that "frozen" means frozen."""

from __future__ import annotations

import copy

import pytest
import torch

from monai_mocoi.networks import Classifier, StageEncoder
from tests.networks.small import small_moco, small_resnet, views


def classifier(**options: object) -> Classifier:
    return Classifier(StageEncoder(small_resnet()), **{"classes": 3, "seed": 1, **options})  # type: ignore[arg-type]


def trained(network: torch.nn.Module) -> list[torch.nn.Parameter]:
    """What a bundle's optimiser gets."""
    return [p for p in network.parameters() if p.requires_grad]


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_it_is_a_linear_layer_on_the_averaged_map_of_the_stage(stage: int) -> None:
    network = classifier(stage=stage).eval()
    images, _ = views(5)
    maps = network.encoder(images).stages[stage - 1]
    by_hand = maps.flatten(2).mean(dim=2) @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(images), by_hand)
    assert network(images).shape == (5, 3)


def test_all_stages_are_one_linear_layer_on_the_features_side_by_side() -> None:
    network = classifier(stage="all").eval()
    images, _ = views(5)
    parts = [maps.flatten(2).mean(dim=2) for maps in network.encoder(images).stages]
    assert network.head.in_features == sum(part.shape[1] for part in parts) == 16 + 32 + 64 + 128
    columns = network.head.weight.split([part.shape[1] for part in parts], dim=1)
    by_hand = sum(part @ own.T for part, own in zip(parts, columns, strict=True)) + network.head.bias
    torch.testing.assert_close(network(images), by_hand)
    network.train()(images).sum().backward()
    assert len(trained(network)) == len(list(network.parameters()))  # DistributedDataParallel waits for each of them
    assert all(p.grad is not None for p in network.parameters())


def test_a16_a_frozen_encoder_of_all_stages_gets_no_gradient() -> None:
    network = classifier(stage="all", trainable="head")
    network(views(4)[0]).sum().backward()
    assert [p.shape for p in trained(network)] == [(3, 240), (3,)]
    assert all(p.grad is None for p in network.encoder.parameters())
    assert network.head.weight.grad is not None


def test_later_stages_are_neither_computed_nor_trained() -> None:
    network = classifier(stage=2)
    learnt = {id(p) for p in trained(network)}
    for later in (network.encoder.backbone.layer3, network.encoder.backbone.layer4):
        assert all(id(p) not in learnt for p in later.parameters())
        later.register_forward_pre_hook(lambda *_: pytest.fail("a later stage is computed"))
    network(views(2)[0]).sum().backward()
    assert all(p.grad is not None for p in trained(network))


def test_a16_a_frozen_encoder_does_not_move_by_a_bit() -> None:
    network = classifier(trainable="head")
    before = copy.deepcopy(network.encoder.state_dict())
    optimizer = torch.optim.Adam(trained(network), lr=0.1)
    head = network.head.weight.detach().clone()
    for step in range(3):
        network.train()
        optimizer.zero_grad()
        network(views(4, seed=step)[0]).square().sum().backward()
        optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in network.encoder.state_dict().items())
    assert not torch.equal(head, network.head.weight)
    assert [p.shape for p in trained(network)] == [(3, 128), (3,)]


def test_an_encoder_that_is_not_frozen_does_move() -> None:
    network = classifier()
    before = copy.deepcopy(network.encoder.state_dict())
    network(views(4)[0]).sum().backward()
    torch.optim.SGD(trained(network), lr=0.1).step()
    assert any(not torch.equal(value, before[name]) for name, value in network.encoder.state_dict().items())


def test_the_random_start_is_that_of_pretraining_with_the_same_seed() -> None:
    own = classifier(seed=7).encoder.state_dict()
    pretraining = small_moco(seed=7).query_encoder.state_dict()
    assert all(torch.equal(value, pretraining[name]) for name, value in own.items())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"stage": 5}, "stage is 5"),
        ({"stage": 0}, "stage is 0"),
        ({"stage": True}, "stage is True"),
        ({"stage": "4"}, "stage is '4'"),
        ({"classes": 0}, "does the data set have labels"),
        ({"trainable": "none"}, "choose one of all, head"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        classifier(**options)
