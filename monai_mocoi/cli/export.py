"""``mocoi export``: weights for another library; what it wrote, in words."""

from typing import Annotated, Any

import typer
from rich.console import Console

from monai_mocoi.errors import WeightsError


def export(
    weights: Annotated[str, typer.Argument(help="encoder.pt, classifier.pt or another ResNet's weights.")],
    to: Annotated[str, typer.Option("--to", help="torchvision, timm or monai; torchscript, pt2 or onnx.")],
    out: Annotated[str, typer.Option("--out", help="The file: .pt or .safetensors; .ts, .pt2 or .onnx.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file and the JSON file beside it.")
    ] = False,
) -> None:
    """Write an encoder or classifier for another library.

    For torchvision, timm and monai the file has that library's names, and is tried in its own network before it is
    kept. torchscript, pt2 and onnx are whole networks that run without this software, tried at batches of 1 and 3. A
    JSON file beside it says how to prepare the images.
    """
    from monai_mocoi.networks import export_graph, export_weights
    from monai_mocoi.networks.export_layouts import LAYOUTS
    from monai_mocoi.networks.graph_formats import FORMATS

    if to not in (*LAYOUTS, *FORMATS):
        raise WeightsError(f"there is no layout or format {to!r}: choose one of {', '.join((*LAYOUTS, *FORMATS))}.")
    written = (export_graph if to in FORMATS else export_weights)(weights, to, out, overwrite)
    info = written.card
    classes = "encoder" if info["classes"] is None else f"classifier of {info['classes']}"
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(
        f"Written: {written.path} and {written.path.with_suffix('.json').name} ({info['architecture']}, {classes})"
    )
    console.print(f"Tried in {written.proof}")
    console.print(f"Opens with: {info['opens_with']}")
    console.print(f"Images: {_images(info, info['names'] in FORMATS)}")


def _images(info: dict[str, Any], is_graph: bool) -> str:
    if "mean" not in info or "std" not in info:
        return "how they are to be normalised is not known, because the weights have no JSON file beside them"
    text = f"values 0..1, then (value - {info['mean']}) / {info['std']}"
    if "image_size" in info:
        text += f", {info['image_size']} x {info['image_size']}"
    if not is_graph and info.get("channels") == 1 and info["in_channels"] == 3:
        text += "; grey, repeated to three equal channels"
    return text
