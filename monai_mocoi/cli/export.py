"""``mocoi export``: what it wrote, in words."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import export_graph, export_weights
from monai_mocoi.networks.export import LAYOUTS
from monai_mocoi.networks.exported_graph import FORMATS


def export_and_show(weights: str, to: str, out: str, overwrite: bool) -> None:
    """Export weights and say what was written, how to open it and how to prepare images for it.

    Args:
        weights: the file to export.
        to: whose names to write: "torchvision", "timm" or "monai"; or a format of a whole network: "torchscript", "pt2"
            or "onnx".
        out: the file to write.
        overwrite: replace it.

    Raises:
        WeightsError: see :func:`~monai_mocoi.networks.export_weights` and
            :func:`~monai_mocoi.networks.export_graph`.
    """
    if to not in (*LAYOUTS, *FORMATS):
        raise WeightsError(f"there is no layout or format {to!r}: choose one of {', '.join((*LAYOUTS, *FORMATS))}.")
    written = (export_graph if to in FORMATS else export_weights)(weights, to, out, overwrite)
    info = written.sidecar
    classes = "encoder" if info["classes"] is None else f"classifier of {info['classes']}"
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"Written: {written.path} and {written.path.with_suffix('.json').name} ({info['architecture']}, {classes})"
    )
    console.print(f"Tried in {written.proof}")
    console.print(f"Opens with: {info['opens_with']}")
    console.print(f"Images: {_images(info)}")


def _images(info: dict[str, Any]) -> str:
    if "mean" not in info or "std" not in info:
        return "how they are to be normalised is not known, for the weights have no JSON file beside them"
    text = f"values 0..1, then (value - {info['mean']}) / {info['std']}"
    if "image_size" in info:
        text += f", {info['image_size']} x {info['image_size']}"
    if info["names"] not in FORMATS and info.get("channels") == 1 and info["in_channels"] == 3:
        text += "; grey, repeated to three equal channels"
    return text
