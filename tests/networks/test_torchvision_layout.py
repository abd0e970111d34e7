from __future__ import annotations

import json

import pytest
import torch

from monai_mocoi.networks import TorchvisionLayout
from tests.networks.record_layouts import RECORD, names_and_shapes, outputs

KINDS = {"resnet18": ("basic", (2, 2, 2, 2)), "resnet50": ("bottleneck", (3, 4, 6, 3))}


@pytest.mark.parametrize("name", KINDS)
def test_names_shapes_and_outputs_are_those_of_torchvision_and_timm(name: str) -> None:
    recorded = json.loads(RECORD.read_text())[name]
    network = TorchvisionLayout(*KINDS[name], classes=4)
    assert names_and_shapes(network) == recorded["names"]
    torch.testing.assert_close(outputs(network), recorded["outputs"], rtol=1e-10, atol=1e-12)


def test_without_classes_it_gives_the_averaged_features() -> None:
    network = TorchvisionLayout("basic", (1, 1, 1, 1), classes=None)
    assert not any(name.startswith("fc") for name in network.state_dict())
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, 512)
