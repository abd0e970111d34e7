"""TorchScript's reading of the classifier gives the outputs of the classifier."""

from __future__ import annotations

import io

import pytest
import torch

from monai_mocoi.networks import Classifier, StageEncoder
from tests.networks.small import small_resnet, views


@pytest.mark.parametrize(
    ("block", "stage", "layers", "channels"),
    [
        ("bottleneck", 4, 3, 1), ("bottleneck", 4, 3, 3), ("bottleneck", 4, 1, 1), ("bottleneck", 2, 3, 1),
        ("basic", 1, 3, 1), ("basic", 3, 3, 1), ("bottleneck", "all", 3, 1), ("basic", "all", 3, 3),
    ],
)  # fmt: skip
def test_the_same_outputs_bit_for_bit(block: str, stage: int | str, layers: int, channels: int) -> None:
    network = Classifier(StageEncoder(small_resnet(block, layers)), 3, stage, seed=1)
    network(views(8, channels=channels)[0])  # so that the running statistics are not those of the start
    network.eval()
    content = io.BytesIO()
    torch.jit.save(torch.jit.script(network), content)
    content.seek(0)
    scripted = torch.jit.load(content)
    for size in (32, 47):  # another size and number of images than anything before
        images, _ = views(5, seed=2, channels=channels, size=size)
        with torch.no_grad():
            assert torch.equal(scripted(images), network(images))
    assert scripted.state_dict().keys() == network.state_dict().keys()
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in scripted.state_dict().items())


def test_scripting_leaves_the_classifier_as_it_was() -> None:
    network = Classifier(StageEncoder(small_resnet()), 3, trainable="head", seed=1)
    before = [(name, type(module), module.training) for name, module in network.named_modules()]
    scripted = torch.jit.script(network)
    assert [(name, type(module), module.training) for name, module in network.named_modules()] == before
    assert not scripted.encoder.backbone.bn1.training  # it is frozen


def test_a_wrong_number_of_channels_is_an_error() -> None:
    scripted = torch.jit.script(Classifier(StageEncoder(small_resnet()), 3, seed=1).eval())
    with pytest.raises(RuntimeError, match="expected input"):
        scripted(views(2, channels=2)[0])
