"""Networks of other libraries that exported weights are tried in: torchvision, timm and MONAI."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import monai
from torch import nn

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.architectures import ResNetShape
from monai_mocoi.networks.resnet_shape import monai_resnet


class Target(NamedTuple):
    """A library's network to try the weights in, and how its users open the file."""

    network: nn.Module
    library: str
    opens_with: str


def _monai(shape: ResNetShape, classes: int | None) -> Target:
    name = f"{shape.name}(" if shape.name else f"ResNet({shape.block!r}, {list(shape.layers)}, {list(shape.planes)}, "
    last = "feed_forward=False" if classes is None else f"num_classes={classes}"
    call = (
        f"monai.networks.nets.{name}spatial_dims=2, n_input_channels={shape.in_channels}, conv1_t_stride=2, "
        f"bias_downsample={shape.downsample_bias}, {last})"
    )
    return Target(monai_resnet(shape, classes), f"MONAI {monai.__version__}", call)


def _torchvision(shape: ResNetShape, classes: int | None) -> Target:
    name = _name_of(shape, "torchvision")
    if shape.in_channels != 3:
        raise WeightsError(
            f"the weights take images of {shape.in_channels} channel(s), but torchvision's ResNets take 3: choose "
            "monai or timm, which have them with any number."
        )
    call = f"torchvision.models.{name}(weights=None" + (")" if classes is None else f", num_classes={classes})")
    if classes is None:
        call += ", then net.fc = torch.nn.Identity()"
    try:
        import torchvision
    except Exception:  # not there, or of another torch: MONAI's ResNet has the same names, strides and outputs
        library = f"MONAI {monai.__version__}'s network of torchvision's layout"
        return Target(monai_resnet(shape._replace(downsample_bias=False), classes), library, call)
    network = torchvision.models.get_model(name, weights=None, **({} if classes is None else {"num_classes": classes}))
    if classes is None:
        network.fc = nn.Identity()
    return Target(network, f"torchvision {torchvision.__version__}", call)


def _timm(shape: ResNetShape, classes: int | None) -> Target:
    name = _name_of(shape, "timm")
    other = " Or: the layout torchvision has the same names." if shape.in_channels == 3 else ""
    try:
        timm: Any = importlib.import_module("timm")
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "timm":
            raise WeightsError(
                f"timm is not installed, so the file could not be tried in it: pip install timm.{other}"
            ) from error
        first = (str(error).splitlines() or [""])[0]
        raise WeightsError(
            f"timm is installed, but cannot be imported ({type(error).__name__}: {first}), so the file could not be "
            f"tried in it: repair it, for example with pip install --upgrade torchvision timm.{other}"
        ) from error
    call = f"timm.create_model({name!r}, num_classes={classes or 0}, in_chans={shape.in_channels})"
    network = timm.create_model(name, pretrained=False, num_classes=classes or 0, in_chans=shape.in_channels)
    return Target(network, f"timm {timm.__version__}", call)


LAYOUTS: dict[str, Callable[[ResNetShape, int | None], Target]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "monai": _monai,
}


def _name_of(shape: ResNetShape, library: str) -> str:
    if shape.name is None:
        raise WeightsError(
            f"{library} has no ResNet of {list(shape.layers)} {shape.block} blocks with {list(shape.planes)} channels "
            "(it has ResNet-18, 34, 50, 101 and 152): choose monai."
        )
    return shape.name
