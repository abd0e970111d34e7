"""Export of a whole network as one file that needs no code of ours: TorchScript, ``torch.export`` and ONNX."""

import logging
import os
import site
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from monai_mocoi.errors import WeightsError
from monai_mocoi.files.atomic_write import atomic_path, write_json
from monai_mocoi.files.home_folder import home_folder
from monai_mocoi.networks.encoder_card import card_path
from monai_mocoi.networks.export_source import Export, check_out, difference, read_source
from monai_mocoi.networks.graph_formats import FORMATS, GraphFormat
from monai_mocoi.networks.weights import weights_sha256

TOLERANCE = 1e-4
"""Of the proof: largest difference of the outputs, in float32, as a share of the largest output."""
BATCHES = (1, 3)
"""In which the file is tried."""


def export_graph(
    weights: str | os.PathLike[str], to: str, out: str | os.PathLike[str], overwrite: bool = False
) -> Export:
    """Write an encoder or a classifier of any stage as a network that runs without monai_mocoi.

    The file is read back, and must give the outputs of the network for one image and for three, before it takes its
    name. Torch writes into it where its source code is on this machine: that is taken out, and searched for.

    Args:
        weights: see :func:`~monai_mocoi.networks.read_weights`; a package's ``model.pt`` too.
        to: "torchscript" (``.ts``; images of any size), "pt2" (``torch.export``) or "onnx"; the last two take images of
            the size and channels in the weights' JSON file (without one: 224 pixels), any number of them.
        out: the file to write. A JSON file beside it says how to prepare images and what comes out: logits of a
            classifier, else 2,048 (or as many as the encoder has) averaged features.
        overwrite: replace ``out`` and the JSON file beside it.

    A WeightsError: anything of the above is not so, a package is missing, the outputs differ, or the weights were
    trained on identified data.
    """
    if to not in FORMATS:
        raise WeightsError(f"there is no format {to!r}: choose one of {', '.join(FORMATS)}.")
    weights, out, form = Path(weights), Path(out), FORMATS[to]
    check_out(weights, out, overwrite, (form.suffix,))
    source = read_source(weights)
    side, channels = source.card.get("image_size", 224), source.card.get("channels", source.shape.in_channels)
    content = {
        "format": 1,
        "architecture": source.shape.in_words,
        "stage": source.stage,
        "input": ["batch", channels, side, side],
        "output": "features" if source.classes is None else "logits",
        "in_channels": channels,
        "classes": source.classes,
        **source.handed_on(),
        "weights_sha256": weights_sha256(source.network.state_dict()),
        "names": to,
        "opens_with": form.opens_with.format(out.name),
    }
    images = torch.rand(max(BATCHES), channels, side, side, generator=torch.Generator().manual_seed(0))
    with _quiet():
        written = form.write(source.network, images)
    _check_no_places(written, to)
    with atomic_path(out) as temporary:
        temporary.write_bytes(written)
        content["proof"] = proof = _prove(source.network, form, temporary, images, to)
        write_json(card_path(out), content)
    return Export(out, content, proof)


@torch.no_grad()
def _prove(network: nn.Module, form: GraphFormat, path: Path, images: torch.Tensor, to: str) -> str:
    run, runner = form.read(path)
    remedy, worst = "Another version of torch may help.", 0.0
    for batch in BATCHES:
        whose = f"the {to} file, run on {batch} image(s),"
        worst = max(worst, difference(network(images[:batch]), run(images[:batch]), TOLERANCE, whose, remedy))
    return (
        f"{runner}, batches of {' and '.join(map(str, BATCHES))}: largest difference {worst:.0e} of the largest output"
    )


def _check_no_places(content: bytes, to: str) -> None:
    """A place on this machine could name its user. Nothing in the formats is compressed."""
    code = Path(__file__).resolve().parents[2]
    places = [code, Path(torch.__file__).parents[1], home_folder(), Path.cwd(), *map(Path, site.getsitepackages())]
    # With the sign behind it: so short a name as /root could be in the weights by chance.
    named = {f"{place}{os.sep}".encode() for place in places if place and len(place.parts) > 1}
    if any(place in content for place in named):
        raise WeightsError(
            f"this version of torch writes places of this machine into a {to} file that could not be taken out: "
            "nothing was written. Another version of torch may help, or another format."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's advice to other formats and versions."""
    levels = {own: own.level for own in map(logging.getLogger, ("torch.onnx", "torch.export", "onnxscript"))}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for own in levels:
            own.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for own, level in levels.items():
                own.setLevel(level)
