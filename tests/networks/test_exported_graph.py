"""Whole networks in one file: the outputs of ours, in any number of images, and nothing of this machine."""

from __future__ import annotations

import io
import json
import os
import pwd
import site
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import Classifier, StageEncoder, export_graph, save_encoder
from tests.networks.small import small_resnet, views

CARD = {"mean": 0.5, "std": 0.25, "channels": 1, "image_size": 32, "labels": ["a", "b", "c"], "kind": "multilabel"}
SUFFIX = {"torchscript": ".ts", "pt2": ".pt2", "onnx": ".onnx"}
NEEDED = {"onnx": ("onnx", "onnxscript")}


@pytest.fixture(params=["torchscript", *(pytest.param(name, marks=pytest.mark.slow) for name in ("pt2", "onnx"))])
def to(request: pytest.FixtureRequest) -> str:
    for package in NEEDED.get(request.param, ()):
        pytest.importorskip(package, reason="pip install 'monai-mocoi[onnx]'")
    return request.param


def classifier(
    folder: Path, stage: int | str = 4, channels: int = 1, block: str = "bottleneck"
) -> tuple[Path, nn.Module]:
    network = Classifier(StageEncoder(small_resnet(block)), 3, stage, seed=1)
    network(views(8, channels=channels)[0])  # so that the running statistics are not those of the start
    path = folder / "run" / "classifier.pt"
    path.parent.mkdir()
    torch.save(network.state_dict(), path)
    path.with_suffix(".json").write_text(json.dumps({**CARD, "channels": channels, "stage": stage}))
    return path, network.eval()


def run(path: Path, images: torch.Tensor) -> torch.Tensor:
    """As somebody without our code would."""
    if path.suffix == ".ts":
        return torch.jit.load(str(path))(images)
    if path.suffix == ".pt2":
        return torch.export.load(str(path)).module()(images)
    from onnx import load
    from onnx.reference import ReferenceEvaluator

    return torch.from_numpy(ReferenceEvaluator(load(path)).run(None, {"images": images.numpy()})[0])


@pytest.mark.parametrize(("stage", "channels"), [(4, 1), (2, 3), ("all", 1)])
def test_a_classifier_of_any_stage_in_batches_of_any_number(tmp_path: Path, to: str, stage: Any, channels: int) -> None:
    weights, network = classifier(tmp_path, stage, channels)
    out = tmp_path / f"mine{SUFFIX[to]}"
    made = export_graph(weights, to, out)
    for count in (1, 3, 5):
        images, _ = views(count, seed=count, channels=channels)
        with torch.no_grad():
            torch.testing.assert_close(run(out, images), network(images), rtol=1e-4, atol=1e-5)
    card = json.loads(out.with_suffix(".json").read_text())
    assert card == made.card
    assert card["input"] == ["batch", channels, 32, 32]
    assert (card["output"], card["classes"], card["labels"]) == ("logits", 3, ["a", "b", "c"])
    assert "batches of 1 and 3" in made.proof
    assert out.name in card["opens_with"]


@pytest.mark.parametrize("stage", [4, "all"])
def test_basic_blocks(tmp_path: Path, to: str, stage: Any) -> None:
    weights, network = classifier(tmp_path, stage, block="basic")
    out = tmp_path / f"mine{SUFFIX[to]}"
    assert export_graph(weights, to, out).card["architecture"].startswith("basic [1, 1, 1, 1]")
    images, _ = views(3)
    with torch.no_grad():
        torch.testing.assert_close(run(out, images), network(images), rtol=1e-4, atol=1e-5)


def test_an_encoder_gives_its_features(tmp_path: Path, to: str) -> None:
    encoder = StageEncoder(small_resnet()).eval()
    save_encoder(tmp_path / "encoder.pt", encoder, CARD)
    out = tmp_path / f"mine{SUFFIX[to]}"
    made = export_graph(tmp_path / "encoder.pt", to, out)
    images, _ = views(2)
    with torch.no_grad():
        torch.testing.assert_close(run(out, images), encoder(images).embedding, rtol=1e-4, atol=1e-5)
    assert (made.card["output"], made.card["classes"]) == ("features", None)


def test_no_place_of_the_machine(tmp_path: Path, to: str, repository: Path) -> None:
    weights, _ = classifier(tmp_path)
    out = tmp_path / f"mine{SUFFIX[to]}"
    export_graph(weights, to, out)
    contents = [out.read_bytes(), out.with_suffix(".json").read_bytes()]
    if zipfile.is_zipfile(out):
        with zipfile.ZipFile(out) as archive:
            contents += [archive.read(name) for name in archive.namelist()]
    places = [str(repository), os.getcwd(), f"{Path.home()}/", str(tmp_path), *site.getsitepackages()]
    for text in (*places, "site-packages", "exported_graph.py"):
        assert not [text for content in contents if text.encode() in content], text
    with_places = io.BytesIO()  # what is looked for can be found
    torch.jit.save(torch.jit.script(Classifier(StageEncoder(small_resnet()), 3, seed=1)), with_places)
    with zipfile.ZipFile(with_places) as archive:
        assert any(str(repository).encode() in archive.read(name) for name in archive.namelist())


def test_a_user_without_a_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    def unknown(key: object) -> None:
        raise KeyError(key)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    weights, _ = classifier(tmp_path)
    export_graph(weights, to, tmp_path / f"mine{SUFFIX[to]}")
    assert (tmp_path / f"mine{SUFFIX[to]}").is_file()


def test_it_needs_no_code_of_ours(tmp_path: Path, to: str) -> None:
    if to == "onnx":
        pytest.skip("onnx holds no classes")
    weights, network = classifier(tmp_path)
    out = tmp_path / f"mine{SUFFIX[to]}"
    export_graph(weights, to, out)
    images, _ = views(2)
    torch.save(images, tmp_path / "images.pt")
    load = "torch.jit.load(f)" if to == "torchscript" else "torch.export.load(f).module()"
    code = (
        "import sys, torch\nsys.modules['monai_mocoi'] = sys.modules['monai'] = None\nf = sys.argv[1]\n"
        f"torch.save({load}(torch.load(sys.argv[2])), sys.argv[3])"
    )
    words = [str(out), str(tmp_path / "images.pt"), str(tmp_path / "out.pt")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        torch.testing.assert_close(torch.load(tmp_path / "out.pt"), network(images), rtol=1e-4, atol=1e-5)


def test_nothing_is_kept_that_was_not_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["monai_mocoi.networks.exported_graph"]
    weights, _ = classifier(tmp_path)
    good = module.FORMATS["torchscript"]

    def other(read: Any) -> Any:
        return lambda path: (lambda images: read(path)[0](images) * 1.01, "torch")

    def one_only(read: Any) -> Any:
        return lambda path: (lambda images: read(path)[0](images)[:1], "torch")

    for broken, text in ((other, "other outputs"), (one_only, r"3 image\(s\), gives outputs of shape \(1, 3\)")):
        monkeypatch.setitem(module.FORMATS, "torchscript", good._replace(read=broken(good.read)))
        with pytest.raises(WeightsError, match=text):
            export_graph(weights, "torchscript", tmp_path / "mine.ts")
    monkeypatch.setitem(
        module.FORMATS, "torchscript", good._replace(write=lambda *_: f"{Path(torch.__file__).parents[1]}/x".encode())
    )
    with pytest.raises(WeightsError, match="places of this machine"):
        export_graph(weights, "torchscript", tmp_path / "mine.ts")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_refusals(tmp_path: Path) -> None:
    weights, _ = classifier(tmp_path)
    with pytest.raises(WeightsError, match="no format 'tflite'"):
        export_graph(weights, "tflite", tmp_path / "x.ts")
    with pytest.raises(WeightsError, match=r"must end in \.pt2"):
        export_graph(weights, "pt2", tmp_path / "x.ts")
    (tmp_path / "x.ts").write_text("mine")
    with pytest.raises(WeightsError, match="exists already"):
        export_graph(weights, "torchscript", tmp_path / "x.ts")
    export_graph(weights, "torchscript", tmp_path / "x.ts", overwrite=True)
    assert zipfile.is_zipfile(tmp_path / "x.ts")
