from __future__ import annotations

import pytest
from monai.networks.nets import resnet34

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import ResNetShape, TorchvisionLayout, shape_of_resnet
from tests.networks.small import small_resnet


def test_small_networks_have_no_name() -> None:
    shape = shape_of_resnet(small_resnet(channels=1).state_dict())
    assert shape == ResNetShape("bottleneck", (1, 1, 1, 1), (4, 8, 16, 32), 1, False)
    assert shape.name is None
    assert shape.stage_channels == (16, 32, 64, 128)
    assert shape_of_resnet(small_resnet("basic").state_dict()).stage_channels == (4, 8, 16, 32)


def test_named_ones() -> None:
    shape = shape_of_resnet(resnet34(spatial_dims=2, n_input_channels=3).state_dict())
    assert (shape.name, shape.downsample_bias) == ("resnet34", True)
    shape = shape_of_resnet(TorchvisionLayout("bottleneck", (3, 4, 6, 3), None).state_dict())
    assert (shape.name, shape.downsample_bias, shape.stage_channels[-1]) == ("resnet50", False, 2048)


@pytest.mark.parametrize("name", ["conv1.weight", "layer3.0.conv1.weight"])
def test_another_network(name: str) -> None:
    state = small_resnet().state_dict()
    del state[name]
    with pytest.raises(WeightsError, match=f"have no {name}"):
        shape_of_resnet(state)
