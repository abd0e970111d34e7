"""The ResNets in a weights file: where they lie, how their names begin, and which is another's moving average."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch

_MARK = "layer1.0.conv1.weight"  # of every ResNet, and of nothing else
# nn.Sequential(*resnet.children()), as RadImageNet and lightly's examples have it; relu (2), maxpool (3) and avgpool
# (8) hold no weights. All four marks must be there, to keep out what only looks alike.
_PLACES = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4", "9": "fc"}
_SEQUENTIAL_MARKS = ("4.0.conv1.weight", "7.0.conv1.weight", "0.weight", "1.weight")
_DEPTH = 8  # VISSL's lie four dictionaries deep

_AVERAGE = re.compile(
    r"(?:^|[._])(?:momentum|key|k|target|ema|average|averaged|avg|teacher|loss\.moco_encoder)(?=[._])"
)
_CHOICE_OF_METHOD = re.compile(r"(?:^|[._])(?:teacher|student)(?=[._])")


class FoundResNet(NamedTuple):
    """A ResNet in a file."""

    state: Mapping[Any, Any]  # the dictionary that its tensors lie in, perhaps among others
    keys: tuple[Any, ...]  # the keys that lead there from the file's whole content
    prefix: str  # what stands before each of its names
    is_sequential: bool  # its layers have the numbers of an nn.Sequential of torchvision's children

    @property
    def place(self) -> str:
        """Keys and prefix, as one name that ends in a dot; empty for a plain state dict."""
        return "".join(f"{key}." for key in self.keys) + self.prefix

    @property
    def is_average(self) -> bool:
        """Named as the moving average of another network, such as MoCo's key encoder or BYOL's target network."""
        return bool(_AVERAGE.search(_lower(self.place)))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Its tensors in torchvision's names."""
        found = {}
        for name, value in self.state.items():
            if isinstance(value, torch.Tensor) and str(name).startswith(self.prefix):
                found[self._named(str(name)[len(self.prefix) :])] = value
        return found

    def _named(self, name: str) -> str:
        if not self.is_sequential:
            return name
        first, dot, rest = name.partition(".")
        return _PLACES.get(first, first) + dot + rest

    def line_that_cuts_it_out(self, path: str, target: str = "one.pt") -> str:
        """A line for a shell that writes it to a file of its own."""
        imports, read = "import torch", f'torch.load({json.dumps(path)}, map_location="cpu", weights_only=True)'
        if path.endswith(".safetensors"):
            imports, read = "import torch, safetensors.torch", f"safetensors.torch.load_file({json.dumps(path)})"
        state = read + "".join(f"[{json.dumps(key)}]" for key in self.keys)
        if not self.prefix:
            return _in_shell(f'{imports}; torch.save({state}, "{target}")')
        return _in_shell(
            f"{imports}; s = {state}; p = {json.dumps(self.prefix)}; "
            f'torch.save({{k[len(p):]: v for k, v in s.items() if k.startswith(p)}}, "{target}")'
        )


def line_that_keeps_tensors(path: str, target: str = "plain.pt") -> str:
    """A line for a shell that runs what is in a file, and writes its tensors to another one."""
    return _in_shell(
        f'import torch; x = torch.load({json.dumps(path)}, map_location="cpu", weights_only=False); '
        "keep = lambda d: {k: keep(v) if isinstance(v, dict) else v for k, v in d.items() "
        "if isinstance(v, (dict, torch.Tensor))}; "
        f'torch.save(keep(x if isinstance(x, dict) else x.state_dict()), "{target}")'
    )


def _in_shell(code: str) -> str:
    return f"python -c {shlex.quote(code)}"


def find_resnets(content: Mapping[Any, Any]) -> list[FoundResNet]:
    """Find every ResNet, moving averages too, in tensors by name at any depth of dictionaries, in their order."""
    found: list[FoundResNet] = []
    for keys, state in _dictionaries(content):
        names = {str(name) for name, value in state.items() if isinstance(value, torch.Tensor)}
        for name in map(str, state):
            if name not in names:
                continue
            if name.endswith(_MARK):
                found.append(FoundResNet(state, keys, name.removesuffix(_MARK), False))
            elif name.endswith(_SEQUENTIAL_MARKS[0]):
                prefix = name.removesuffix(_SEQUENTIAL_MARKS[0])
                if prefix[-1:] in ("", ".") and all(prefix + mark in names for mark in _SEQUENTIAL_MARKS):
                    found.append(FoundResNet(state, keys, prefix, True))
    return found


def chosen_resnet(found: Sequence[FoundResNet]) -> FoundResNet | None:
    """The one that others should start from: the only one, or the only one that is no moving average.

    Where two have the same weights (mmselfsup stores one under two names), they count as one. None: there is only an
    average, there are several, or it depends on the method (of DINO's student and teacher many take the teacher, though
    it is the average).
    """
    if len(found) > 1 and any(_CHOICE_OF_METHOD.search(_lower(resnet.place)) for resnet in found):
        return None
    left: list[FoundResNet] = []
    for resnet in found:
        if not resnet.is_average and not any(_same(resnet.tensors(), other.tensors()) for other in left):
            left.append(resnet)
    return left[0] if len(left) == 1 else None


def _lower(place: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", place).lower()


def _dictionaries(content: Mapping[Any, Any], keys: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield keys, content
    for key, value in content.items():
        if isinstance(value, Mapping) and len(keys) < _DEPTH:
            yield from _dictionaries(value, (*keys, key))


def _same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    """Whether two have the same weights; heads (``fc``) and what else lies beside them do not count."""
    trunk = [name for name in one if name.startswith(("conv1.", "bn1.", "layer"))]
    return bool(trunk) and all(
        name in other and one[name].shape == other[name].shape and torch.equal(one[name], other[name]) for name in trunk
    )
