from __future__ import annotations

import json

import pytest
import torch
from monai.networks.nets import resnet34

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import (
    STAGES_AND_ALL,
    ResNetShape,
    shape_of_resnet,
    stage_in_words,
    stage_of_width,
    stages_of,
    width_of,
)
from monai_mocoi.networks.architectures import shape_called
from monai_mocoi.networks.resnet_shape import monai_resnet
from tests.networks.record_layouts import RECORD, names_and_shapes, outputs
from tests.networks.small import small_resnet, torchvision_layout


def test_small_networks_have_no_name() -> None:
    shape = shape_of_resnet(small_resnet(channels=1).state_dict())
    assert shape == ResNetShape("bottleneck", (1, 1, 1, 1), (4, 8, 16, 32), 1, False)
    assert shape.name is None
    assert shape.stage_channels == (16, 32, 64, 128)
    assert shape_of_resnet(small_resnet("basic").state_dict()).stage_channels == (4, 8, 16, 32)


def test_named_ones() -> None:
    shape = shape_of_resnet(resnet34(spatial_dims=2, n_input_channels=3).state_dict())
    assert (shape.name, shape.downsample_bias) == ("resnet34", True)
    shape = shape_of_resnet(torchvision_layout("bottleneck", (3, 4, 6, 3), None).state_dict())
    assert (shape.name, shape.downsample_bias, shape.stage_channels[-1]) == ("resnet50", False, 2048)


RECORDED = ("resnet18", "resnet50")


@pytest.mark.parametrize("name", RECORDED)
def test_names_shapes_and_outputs_of_monais_network_are_those_of_torchvision_and_timm(name: str) -> None:
    recorded = json.loads(RECORD.read_text())[name]
    network = monai_resnet(shape_called(name), 4)
    assert names_and_shapes(network) == recorded["names"]
    torch.testing.assert_close(outputs(network), recorded["outputs"], rtol=1e-10, atol=1e-12)


def test_without_classes_it_gives_the_averaged_features() -> None:
    network = torchvision_layout("basic", (1, 1, 1, 1), None)
    assert not any(name.startswith("fc") for name in network.state_dict())
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, 512)


@pytest.mark.parametrize("name", ["conv1.weight", "layer3.0.conv1.weight"])
def test_another_network(name: str) -> None:
    state = small_resnet().state_dict()
    del state[name]
    with pytest.raises(WeightsError, match=f"have no {name}"):
        shape_of_resnet(state)


CHANNELS = (256, 512, 1024, 2048)


def test_the_stages_and_their_widths() -> None:
    assert [stages_of(stage) for stage in STAGES_AND_ALL] == [(1,), (2,), (3,), (4,), (1, 2, 3, 4)]
    assert [width_of(stage, CHANNELS) for stage in STAGES_AND_ALL] == [256, 512, 1024, 2048, 3840]
    assert [stage_of_width(width, CHANNELS) for width in (256, 512, 1024, 2048, 3840)] == list(STAGES_AND_ALL)
    assert stage_of_width(768, CHANNELS) is None
    assert [stage_in_words(stage) for stage in (1, "all")] == ["stage 1", "all four stages"]


@pytest.mark.parametrize("stage", [0, 5, "4", "every", True, None])
def test_any_other_stage_is_refused(stage: object) -> None:
    with pytest.raises(ValueError, match="must be 1, 2, 3, 4"):
        stages_of(stage)  # type: ignore[arg-type]
