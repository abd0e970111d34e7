"""A whole network in one file that needs no code of ours: TorchScript, ``torch.export`` (``.pt2``) and ONNX.

Torch writes into each where its source code lay on this machine. That is taken out, and the file is searched for what
could be left, before it is kept.
"""

from __future__ import annotations

import io
import logging
import os
import site
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_mocoi.errors import WeightsError
from monai_mocoi.files.atomic_write import atomic_path, write_json
from monai_mocoi.files.home_folder import home_folder
from monai_mocoi.networks.export import HANDED_ON, Export, check_out, monai_resnet
from monai_mocoi.networks.identified import check_not_identified
from monai_mocoi.networks.resnet_shape import shape_of_resnet
from monai_mocoi.networks.scriptable_classifier import ScriptableClassifier
from monai_mocoi.networks.stage_choice import stage_of_width
from monai_mocoi.networks.stage_encoder import StageEncoder
from monai_mocoi.networks.weight_files import WeightFile, read_weights, sidecar_path
from monai_mocoi.networks.weights import check_finite, load_weights, weights_sha256

TOLERANCE = 1e-4
"""Of the proof: largest difference of the outputs, in float32, as a share of the largest output."""
BATCHES = (1, 3)
"""In which the file is tried."""

_Forward = Callable[[torch.Tensor], torch.Tensor]


class _Format(NamedTuple):
    suffix: str
    write: Callable[[nn.Module, torch.Tensor], bytes]
    """The network and a batch of images to the file's content."""
    read: Callable[[Path], tuple[_Forward, str]]
    """The file to what runs it, and the name of that."""
    opens_with: str


def export_graph(
    weights: str | os.PathLike[str], to: str, out: str | os.PathLike[str], overwrite: bool = False
) -> Export:
    """Write an encoder or a classifier of any stage as a network that runs without monai_mocoi.

    The file is read back, and must give the outputs of the network for one image and for three, before it takes its
    name. It holds no place of this machine.

    Args:
        weights: an ``encoder.pt``, a ``classifier.pt``, a package's ``model.pt``, or any file that
            :func:`~monai_mocoi.networks.read_weights` reads.
        to: "torchscript" (``.ts``; images of any size), "pt2" (``torch.export``) or "onnx"; the last two take images of
            the size and channels in the weights' JSON file (without one: 224 pixels), any number of them.
        out: the file to write. A JSON file beside it says how to prepare images and what comes out: logits of a
            classifier, else 2,048 (or as many as the encoder has) averaged features.
        overwrite: replace ``out`` and the JSON file beside it.

    Returns:
        what was written.

    Raises:
        WeightsError: anything of the above is not so, a package is missing, the outputs differ, or the weights were
            trained on identified data.
    """
    if to not in FORMATS:
        raise WeightsError(f"there is no format {to!r}: choose one of {', '.join(FORMATS)}.")
    weights, out, form = Path(weights), Path(out), FORMATS[to]
    check_out(weights, out, overwrite, (form.suffix,))
    check_not_identified(weights)
    file = read_weights(weights)
    network, sidecar = _network(file, weights.name)
    images = torch.rand(max(BATCHES), *sidecar["input"][1:], generator=torch.Generator().manual_seed(0))
    with _quiet():
        content = form.write(network, images)
    _check_no_places(content, to)
    with atomic_path(out) as temporary:
        temporary.write_bytes(content)
        proof = _prove(network, form, temporary, images, to)
        made = {**sidecar, "names": to, "opens_with": form.opens_with.format(out.name), "proof": proof}
        write_json(sidecar_path(out), made)
    return Export(out, made, proof)


def _network(file: WeightFile, name: str) -> tuple[nn.Module, dict[str, Any]]:
    """The network in evaluation, without gradients, and what its JSON file is to say."""
    known = file.sidecar or {}
    shape = shape_of_resnet(file.resnet)
    encoder = StageEncoder(monai_resnet(shape, None))
    load_weights(encoder, file, name)
    head: nn.Module = nn.Identity()
    stage: int | str = 4
    classes = None
    if file.prefix == "encoder.backbone." and "head.weight" in file.rest:  # a Classifier of ours
        weight, bias = file.rest["head.weight"], file.rest["head.bias"]
        check_finite({"head.weight": weight, "head.bias": bias}, name)
        found = known.get("stage") or stage_of_width(weight.shape[1], encoder.stage_channels)
        if found is None:
            raise WeightsError(
                f"the linear layer in {name!r} reads {weight.shape[1]} features, which are those of no stage of its "
                "encoder, nor of all four: it is no classifier of ours."
            )
        stage = found
        classes = len(weight)
        head = nn.Linear(weight.shape[1], classes)
        head.load_state_dict({"weight": weight, "bias": bias})
    network = ScriptableClassifier(encoder, head, stage).eval().requires_grad_(False)
    side, channels = known.get("image_size", 224), known.get("channels", shape.in_channels)
    sidecar = {
        "format": 1,
        "architecture": shape.name or f"{shape.block} {list(shape.layers)} {list(shape.planes)}",
        "stage": stage,
        "input": ["batch", channels, side, side],
        "output": "features" if classes is None else "logits",
        "in_channels": channels,
        "classes": classes,
        **{key: known[key] for key in HANDED_ON if key in known},
        "weights_sha256": weights_sha256(network.state_dict()),
    }
    return network, sidecar


def _torchscript(network: nn.Module, images: torch.Tensor) -> bytes:
    content = io.BytesIO()
    torch.jit.save(torch.jit.script(network), content)
    clean = io.BytesIO()
    with zipfile.ZipFile(content) as archive, zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as kept:
        for entry in archive.infolist():
            if not entry.filename.endswith(".debug_pkl"):  # lines of source code with their place
                kept.writestr(zipfile.ZipInfo(entry.filename), archive.read(entry))
    return clean.getvalue()


def _run_torchscript(path: Path) -> tuple[_Forward, str]:
    return torch.jit.load(str(path)), f"torch {torch.__version__}"


def _pt2(network: nn.Module, images: torch.Tensor) -> bytes:
    program = torch.export.export(network, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for module in program.graph_module.modules():
        for node in getattr(module, "graph", torch.fx.Graph()).nodes:
            for name in ("stack_trace", "from_node"):
                node.meta.pop(name, None)
    content = io.BytesIO()
    torch.export.save(program, content)
    return content.getvalue()


def _run_pt2(path: Path) -> tuple[_Forward, str]:
    with open(path, "rb") as file:
        return torch.export.load(io.BytesIO(file.read())).module(), f"torch {torch.__version__}"


def _onnx(network: nn.Module, images: torch.Tensor) -> bytes:
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise WeightsError(f"{error.name} is not installed: pip install 'monai-mocoi[onnx]'.") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            network, (images,), path, dynamo=True, external_data=False, verbose=False,
            input_names=["images"], output_names=["outputs"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )  # fmt: skip
        model = onnx.load(path)
    for holder in (model, model.graph, *model.functions):
        _strip(holder)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _strip(message: Any) -> None:
    """Take what is written for people out of an ONNX message, and out of those in it: places among it."""
    for field in ("metadata_props", "doc_string"):
        if field in message.DESCRIPTOR.fields_by_name:
            message.ClearField(field)
    for name in ("graph", "node", "input", "output", "initializer", "value_info", "functions"):
        if name in message.DESCRIPTOR.fields_by_name:
            field = getattr(message, name)
            for part in [field] if name == "graph" else field:
                if hasattr(part, "DESCRIPTOR"):  # a node's inputs are plain names
                    _strip(part)


def _run_onnx(path: Path) -> tuple[_Forward, str]:
    try:
        import onnxruntime
    except ModuleNotFoundError:
        import onnx
        from onnx.reference import ReferenceEvaluator

        evaluator = ReferenceEvaluator(str(path))
        return _by_session(evaluator), f"onnx {onnx.__version__}'s reference evaluator"
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return _by_session(session), f"onnxruntime {onnxruntime.__version__}"


def _by_session(session: Any) -> _Forward:
    return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


FORMATS = {
    "torchscript": _Format(".ts", _torchscript, _run_torchscript, "torch.jit.load({!r})"),
    "pt2": _Format(".pt2", _pt2, _run_pt2, "torch.export.load({!r}).module()"),
    "onnx": _Format(".onnx", _onnx, _run_onnx, "onnxruntime.InferenceSession({!r}), input 'images'"),
}
"""What :func:`export_graph` writes."""


@torch.no_grad()
def _prove(network: nn.Module, form: _Format, path: Path, images: torch.Tensor, to: str) -> str:
    run, runner = form.read(path)
    worst = 0.0
    for batch in BATCHES:
        ours, theirs = network(images[:batch]), run(images[:batch])
        if ours.shape != theirs.shape:
            raise WeightsError(
                f"the {to} file gives outputs of shape {tuple(theirs.shape)} for {batch} image(s), the network "
                f"{tuple(ours.shape)}: nothing was written. Another version of torch may help."
            )
        largest = ours.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
        difference = float((ours - theirs).abs().max() / largest)
        if not difference <= TOLERANCE:  # NaN too
            raise WeightsError(
                f"the {to} file gives other outputs than the network (difference {difference:.1e} of the largest) for "
                f"{batch} image(s): nothing was written. Another version of torch may help."
            )
        worst = max(worst, difference)
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
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [own.level for own in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for own in loggers:
            own.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for own, level in zip(loggers, levels, strict=True):
                own.setLevel(level)
