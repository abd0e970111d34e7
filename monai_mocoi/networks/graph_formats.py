"""File formats of whole networks: TorchScript, ``torch.export`` (``.pt2``) and ONNX, written and run."""

import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_mocoi.errors import WeightsError

_Forward = Callable[[torch.Tensor], torch.Tensor]


class GraphFormat(NamedTuple):
    """A format."""

    suffix: str
    write: Callable[[nn.Module, torch.Tensor], bytes]  # the network and a batch of images to the file's content
    read: Callable[[Path], tuple[_Forward, str]]  # the file to what runs it, and the name of that
    opens_with: str


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
    "torchscript": GraphFormat(".ts", _torchscript, _run_torchscript, "torch.jit.load({!r})"),
    "pt2": GraphFormat(".pt2", _pt2, _run_pt2, "torch.export.load({!r}).module()"),
    "onnx": GraphFormat(".onnx", _onnx, _run_onnx, "onnxruntime.InferenceSession({!r}), input 'images'"),
}
"""What :func:`export_graph` writes."""
