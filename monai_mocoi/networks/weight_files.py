"""Weights files of any kind, read into tensors by name: nothing in them is ever run."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch

from monai_mocoi.networks.weights_error import WeightsError, check_weights_place

_MARK = "layer1.0.conv1.weight"  # of every ResNet, and of nothing else
# The query encoder of our MoCo and of the official one: the key encoder beside it is its moving average.
_QUERY = ("query_encoder.backbone.", "module.encoder_q.", "encoder_q.")


class WeightFile(NamedTuple):
    """What a weights file holds."""

    resnet: dict[str, torch.Tensor]
    """The ResNet in it, in torchvision's names: ``conv1.weight``, ``layer1.0.conv1.weight``..., perhaps ``fc``'s."""
    prefix: str
    """What stood before each of these names in the file, such as ``module.encoder_q.``; often nothing."""
    rest: dict[str, torch.Tensor]
    """The file's other tensors, by their names in it: heads, a queue, a key encoder."""
    sidecar: dict[str, Any] | None
    """What the JSON file beside it says (see :func:`read_sidecar`), or a pretraining checkpoint its settings; else
    None."""


def read_weights(path: str | os.PathLike[str]) -> WeightFile:
    """Read a file with the weights of one ResNet, or with a network that has one in it.

    Args:
        path: of a state dict written by ``torch.save`` (plain, or in a checkpoint beside optimiser and settings), or of
            a safetensors file. The names may begin with anything, as long as there is one ResNet in it; of MoCo's two
            encoders the query encoder is taken.

    Returns:
        the tensors on the CPU.

    Raises:
        WeightsError: no such file; damaged; more than tensors and plain values in it; no ResNet in it, or several.
    """
    path = Path(path)
    content = _content(path)
    states = [content, *(part for part in content.values() if isinstance(part, Mapping))]
    found = [state for state in states if any(str(name).endswith(_MARK) for name in state)]
    if len(found) > 1:
        keys = [str(key) for key, part in content.items() if any(part is state for state in found)]
        raise WeightsError(
            f"{path.name!r} holds several networks ({', '.join(keys)}): save the one that you mean as a file of "
            f"its own, torch.save(torch.load(FILE, weights_only=True)[{keys[0]!r}], 'one.pt')."
        )
    if not found:
        names = ", ".join(str(name) for name in list(content)[:3])
        raise WeightsError(
            f"{path.name!r} holds no ResNet (it begins with: {names or 'nothing'}): it must have torchvision's names, "
            f"such as conv1.weight and {_MARK}."
        )
    state = {str(name): value for name, value in found[0].items() if isinstance(value, torch.Tensor)}
    prefix = _prefix(state, path.name)
    return WeightFile(
        resnet={name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)},
        prefix=prefix,
        rest={name: value for name, value in state.items() if not name.startswith(prefix)},
        sidecar=read_sidecar(path) or _settings(content),
    )


def sidecar_path(path: str | os.PathLike[str]) -> Path:
    """The JSON file that belongs to a weights file: the same name with ``.json``."""
    return Path(path).with_suffix(".json")


def read_sidecar(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What the JSON file beside a weights file says.

    Args:
        path: of the weights file, such as ``encoder.pt``.

    Returns:
        for an ``encoder.pt`` ``method``, ``mean``, ``std``, ``channels``, ``image_size`` and more; None where there is
        no such file.

    Raises:
        WeightsError: it is there, but no JSON object.
    """
    path = sidecar_path(path)
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path.name!r} beside the weights cannot be read ({type(error).__name__}): it says how their images were "
            "normalised. Bring back the original, or move it away if it belongs to something else."
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(
            f"{path.name!r} beside the weights is no JSON object: move it away if it belongs to something else."
        )
    return content


def _content(path: Path) -> Mapping[Any, Any]:
    check_weights_place(path)
    try:
        with open(path, "rb") as file:
            is_safetensors = file.read(9)[8:] == b"{"  # the length of a JSON header in 8 bytes, then the header
        content = safetensors.torch.load_file(path) if is_safetensors else load_checked(path)
    except OSError as error:
        raise WeightsError(f"{path.name!r} cannot be read: {error.strerror or type(error).__name__}.") from error
    except MemoryError:
        raise
    except Exception as error:
        raise WeightsError(_why(path.name, error)) from error
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path.name!r} holds a {type(content).__name__}, not a state dict: save model.state_dict() itself."
        )
    return content


def load_checked(path: Path) -> Any:
    """``torch.load`` of tensors and plain values, on the CPU, after a look at the check sums in the file.

    torch does not look at the check sums that it wrote: a changed byte would be a changed weight.

    Args:
        path: written by ``torch.save``; of before torch 1.6 there are no check sums.

    Raises:
        zipfile.BadZipFile: a check sum is wrong.
        Exception: whatever ``torch.load`` says of a file that is none of its own.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile("a check sum is wrong")
    return torch.load(path, map_location="cpu", weights_only=True)


def _why(name: str, error: Exception) -> str:
    more = re.search(r"GLOBAL ([\w.]+)", str(error))
    if more:
        return (
            f"{name!r} holds more than tensors ({more[1]}), and such a file could run any code, so it is not read. If "
            "you trust where it comes from, save its weights alone: network = torch.load(FILE, weights_only=False), "
            "then torch.save(network.state_dict(), 'plain.pt'), or network['state_dict'] where it is a dict."
        )
    return (
        f"{name!r} could not be read as a weights file ({type(error).__name__}): it is damaged, cut short, or "
        "something else. Copy or download it again, and compare the sizes."
    )


def _prefix(state: Mapping[str, torch.Tensor], name: str) -> str:
    prefixes = [key.removesuffix(_MARK) for key in state if key.endswith(_MARK)]
    query = [prefix for prefix in prefixes if prefix in _QUERY]
    if len(prefixes) > 1 and len(query) != 1:
        raise WeightsError(
            f"{name!r} holds several ResNets, whose names begin with {', '.join(map(repr, prefixes))}: save the one "
            "that you mean as a file of its own."
        )
    return (query or prefixes)[0]


def _settings(content: Mapping[Any, Any]) -> dict[str, Any] | None:
    """The settings in a checkpoint of ours."""
    settings = content.get("settings")
    return dict(settings) if isinstance(settings, Mapping) else None
