"""What torchvision's and timm's own ResNets are called inside, and what they give, for the tests of our layout.

``python -m tests.networks.record_layouts`` writes ``layouts.json`` anew, where both libraries are installed; the tests
need neither.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

RECORD = Path(__file__).with_name("layouts.json")


def names_and_shapes(network: nn.Module) -> list[str]:
    """Each name of the state dict with its shape, in order."""
    return [f"{name} {'x'.join(map(str, value.shape))}".strip() for name, value in network.state_dict().items()]


@torch.no_grad()
def outputs(network: nn.Module) -> list[float]:
    """The logits of a fixed picture, with weights of a fixed pattern, in float64."""
    network.double().eval()
    for number, (name, value) in enumerate(network.state_dict().items(), start=1):
        waves = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * number * 0.01).reshape(value.shape)
        if value.ndim > 1:
            value.copy_(waves * (2 / value[0].numel()) ** 0.5)
        elif value.ndim == 1:
            value.copy_(1 + 0.1 * waves if name.endswith(("weight", "running_var")) else 0.1 * waves)
    picture = torch.linspace(-9, 9, 3 * 65 * 64, dtype=torch.float64).sin().reshape(1, 3, 65, 64)
    return network(picture)[0].tolist()


def main() -> None:
    """Write the record; both libraries must agree."""
    import timm
    import torchvision

    record: dict[str, object] = {"torchvision": torchvision.__version__, "timm": timm.__version__}
    for name in ("resnet18", "resnet50"):
        first, second = torchvision.models.get_model(name, num_classes=4), timm.create_model(name, num_classes=4)
        assert names_and_shapes(first) == names_and_shapes(second)
        assert outputs(first) == outputs(second)
        record[name] = {"outputs": outputs(first), "names": names_and_shapes(first)}
    RECORD.write_text(json.dumps(record, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
