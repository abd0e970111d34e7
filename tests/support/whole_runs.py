"""What two runs must have in common, bit for bit, and a death without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from monai_mocoi.runs import read_checkpoint

RUN = Path("runs/nih_mse/pretrain")


class Killed(BaseException):
    """As good as ``kill -9`` within a test: no handler of ours sees it coming."""


def events(folder: Path = RUN) -> dict[tuple[str, int], list[bytes]]:
    """Every value in the TensorBoard files, as they lie on the disk, by tag and step; speed is left out."""
    found: dict[tuple[str, int], list[bytes]] = {}
    for file in sorted((folder / "tensorboard").iterdir()):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                # The first value of each session comes twice: before it stands the same with its sentence.
                described = value.metadata.summary_description and value.metadata.plugin_data.plugin_name != "text"
                if not value.tag.startswith("speed/") and not described:
                    found.setdefault((value.tag, event.step), []).append(value.tensor.SerializeToString())
    return found


def products(folder: Path = RUN) -> dict[str, Any]:
    """What must be the same in two runs: the product, the last checkpoint's state, every curve."""
    last = read_checkpoint(sorted((folder / "checkpoints").glob("*.pt"))[-1])
    last.pop("logs")
    return {
        "encoder": torch.load(folder / "encoder.pt", weights_only=True),
        "heads": torch.load(folder / "heads.pt", weights_only=True),
        "sidecar": json.loads((folder / "encoder.json").read_text()),
        "events": events(folder),
        "checkpoint": last,
    }


def differences(one: Any, two: Any, where: str = "") -> Iterator[str]:
    """Where two nested values differ; tensors must be equal bit for bit."""
    if isinstance(one, dict) and isinstance(two, dict):
        if one.keys() != two.keys():
            yield f"{where}: keys {set(one) ^ set(two)}"
        for key in one.keys() & two.keys():
            yield from differences(one[key], two[key], f"{where}/{key}")
    elif isinstance(one, list | tuple) and isinstance(two, list | tuple) and len(one) == len(two):
        for number, (a, b) in enumerate(zip(one, two, strict=True)):
            yield from differences(a, b, f"{where}/{number}")
    elif isinstance(one, torch.Tensor):
        if not (isinstance(two, torch.Tensor) and torch.equal(one, two)):
            yield where
    elif one != two:
        yield f"{where}: {one!r} and {two!r}"


def assert_same(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert list(differences(one, two)) == []
    doubled = [key for key, values in two["events"].items() if len(values) > 1]
    assert doubled == []
