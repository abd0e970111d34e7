"""Weights files of any kind, read into tensors by name: nothing in them is ever run."""

import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.encoder_card import EncoderCard, read_card
from monai_mocoi.networks.found_resnets import chosen_resnet, find_resnets, line_that_keeps_tensors
from monai_mocoi.networks.weights_place import check_weights_place


class WeightFile(NamedTuple):
    """What a weights file holds."""

    resnet: dict[str, torch.Tensor]  # in torchvision's names: conv1.weight, layer1.0.conv1.weight, perhaps fc's
    prefix: str  # what stood before each of these names in the file, such as module.encoder_q.; often nothing
    rest: dict[str, torch.Tensor]  # other tensors, by their names in the file: heads, a queue, a key encoder
    card: EncoderCard | None  # what the JSON file beside it says, or a pretraining checkpoint's settings
    averages: tuple[str, ...] = ()  # how the names of ResNets begin that were left out as its moving averages


def read_weights(path: str | os.PathLike[str]) -> WeightFile:
    """Read a file with the weights of one ResNet, or with a network that has one in it; the tensors are on the CPU.

    Args:
        path: of an ``encoder.pt``, a ``classifier.pt``, a checkpoint, or torchvision's, timm's or another project's
            file: a state dict written by ``torch.save``, at any depth of dictionaries, or a safetensors file. The names
            may begin with anything, and may be the numbers of an ``nn.Sequential``. Of a network and its moving average
            (MoCo's key encoder, BYOL's target network) the network is taken.

    Raises:
        WeightsError: no such file; damaged; more than tensors and plain values in it; no ResNet in it, several, a
            moving average alone, or a student and its teacher. The text has the line that cuts one out.
    """
    given, path = str(path), Path(path)
    content = _content(path)
    found = find_resnets(content)
    if not found:
        names = ", ".join(str(name) for name in list(content)[:3])
        raise WeightsError(
            f"{path.name!r} holds no ResNet (it begins with: {names or 'nothing'}): it must have torchvision's names, "
            "such as conv1.weight and layer1.0.conv1.weight, or the numbers of its layers in an nn.Sequential, such as "
            "0.weight and 4.0.conv1.weight."
        )
    chosen = chosen_resnet(found)
    if chosen is None:
        places = ", ".join(repr(resnet.place) for resnet in found)
        what = f"several ResNets, whose names begin with {places}"
        if len(found) == 1:
            what = f"one ResNet, and its name says that it is the moving average of another ({places})"
        lines = "".join(f"\n  {resnet.line_that_cuts_it_out(given)}" for resnet in found)
        raise WeightsError(
            f"{path.name!r} holds {what}. Write the one that you mean to a file of its own, and take that:{lines}"
        )
    settings = content.get("settings")  # of a pretraining checkpoint of ours
    of_ours = isinstance(settings, Mapping)
    beside = {str(name): value for name, value in chosen.state.items() if isinstance(value, torch.Tensor)}
    return WeightFile(
        resnet=chosen.tensors(),
        prefix=chosen.prefix,
        rest={name: value for name, value in beside.items() if not name.startswith(chosen.prefix)},
        card=read_card(path) or (EncoderCard.of(settings, "the checkpoint's settings") if of_ours else None),
        averages=tuple(resnet.place for resnet in found if resnet.is_average),
    )


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
        raise WeightsError(_why(path, error)) from error
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path.name!r} holds a {type(content).__name__}, not a state dict: save model.state_dict() itself."
        )
    return content


def load_checked(path: Path) -> Any:
    """``torch.load`` of tensors and plain values, on the CPU, after a look at the check sums in the file (BadZipFile).

    torch does not look at the check sums that it wrote (since 1.6): a changed byte would be a changed weight.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile("a check sum is wrong")
    return torch.load(path, map_location="cpu", weights_only=True)


def _why(path: Path, error: Exception) -> str:
    more = re.search(r"GLOBAL ([\w.]+)", str(error))
    if more:
        return (
            f"{path.name!r} holds more than tensors ({more[1]}), and such a file could run any code, so it is not "
            "read. If you trust where it comes from, write its weights alone to a file, and take that (a network that "
            "was stored whole needs the code that it was made with):\n  " + line_that_keeps_tensors(str(path))
        )
    return (
        f"{path.name!r} could not be read as a weights file ({type(error).__name__}): it is damaged, cut short, or "
        "something else. Copy or download it again, and compare the sizes."
    )
