"""The named ResNets: their size against torchvision's own counts, and the network of each against MONAI's function."""

from __future__ import annotations

import pytest
import torch
from monai.networks import nets
from torch import nn

from monai_mocoi.networks import ARCHITECTURES, StageEncoder, architecture_in_words, resnet, resnet50
from monai_mocoi.networks.architectures import is_named, shape_called
from monai_mocoi.runs.description import described

# "num_params" of torchvision's weights, whose classification layer has 1,000 outputs.
TORCHVISION = {"resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "resnet101": 44_549_160}
LAYOUT = {"spatial_dims": 2, "n_input_channels": 3, "conv1_t_stride": 2, "bias_downsample": False}


def on_paper(name: str) -> nn.Module:
    with torch.device("meta"):
        return resnet(name)


def counted(name: str) -> int:
    """Weights of the convolutions and BatchNorms, written out (He et al. 2016, table 1)."""
    shape = shape_called(name)
    widest, before = (1, 64) if shape.block == "basic" else (4, 64)
    total = 3 * 64 * 49 + 2 * 64
    for stage, (blocks, planes) in enumerate(zip(shape.layers, shape.planes, strict=True)):
        for block in range(blocks):
            after = planes * widest
            if shape.block == "basic":
                total += 9 * before * planes + 9 * planes * planes + 4 * planes
            else:
                total += before * planes + 9 * planes * planes + planes * after + 4 * planes + 2 * after
            if block == 0 and (stage > 0 or before != after):
                total += before * after + 2 * after
            before = after
    return total


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_layers_and_weights_are_those_of_torchvision(name: str) -> None:
    network, shape = on_paper(name), shape_called(name)
    weights = sum(p.numel() for p in network.parameters())
    assert weights == counted(name)
    assert weights + (shape.stage_channels[-1] + 1) * 1000 == TORCHVISION[name]
    # The number in the name: the convolutions of the blocks, the first one, and the classification layer.
    convolutions = [own for path, own in network.named_modules() if isinstance(own, nn.Conv2d) and "down" not in path]
    assert len(convolutions) + 1 == int(name.removeprefix("resnet"))
    assert StageEncoder(network).stage_channels == shape.stage_channels  # type: ignore[arg-type]
    assert shape.name == name


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in ("resnet34", "resnet101") else n for n in ARCHITECTURES]
)
def test_it_is_monais_own_network_weight_for_weight(name: str) -> None:
    torch.manual_seed(5)
    theirs = getattr(nets, name)(**LAYOUT, feed_forward=False)
    after = torch.rand(1)
    torch.manual_seed(5)
    ours = resnet(name)
    assert torch.equal(torch.rand(1), after)  # as many random numbers were drawn
    wanted = theirs.state_dict()
    assert list(ours.state_dict()) == list(wanted)
    assert all(torch.equal(value, wanted[key]) for key, value in ours.state_dict().items())
    # A checkpoint of before says the same of its network.
    assert described(StageEncoder(ours)) == described(StageEncoder(theirs))


def test_earlier_bundles_and_packages_name_the_resnet50() -> None:
    with torch.device("meta"):
        assert described(resnet50()) == described(resnet("resnet50")) == described(resnet())


def test_another_name_is_refused_with_the_choices() -> None:
    for name in ("resnet20", "resnet152", "vgg", "", "ResNet18"):
        with pytest.raises(ValueError, match=f"architecture is '{name}', but must be one of resnet18, resnet34, "):
            resnet(name)
    assert [is_named(own) for own in (*ARCHITECTURES, "resnet152", None, ["resnet18"])] == [True] * 5 + [False] * 2


def test_in_words() -> None:
    assert [architecture_in_words(own) for own in ("resnet18", None, "basic [1] [4]")] == ["ResNet-18", *["ResNet"] * 2]
