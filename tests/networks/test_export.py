from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from monai.networks.nets import resnet10, resnet18, resnet50
from torch import nn

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import (
    Classifier,
    StageEncoder,
    architectures,
    export_weights,
    read_weights,
    save_encoder,
    weights_sha256,
)
from tests.networks.small import small_resnet, torchvision_layout

CARD = {"method": "mse", "mean": 0.5, "std": 0.25, "channels": 1, "image_size": 64, "settings": {"device": "cpu"}}
LAYOUT = {"spatial_dims": 2, "n_input_channels": 3, "conv1_t_stride": 2, "bias_downsample": False}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trained(encoder: StageEncoder) -> StageEncoder:
    """With statistics and affine weights as after a training, so that each of them matters."""
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                    tensor.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    return encoder


def write_classifier(encoder: StageEncoder, classes: int = 3, stage: int | str = 4) -> Classifier:
    classifier = Classifier(encoder, classes, stage=stage)
    torch.save(classifier.state_dict(), "classifier.pt")
    labels = {str(i): f"Finding {i}" for i in range(classes)}
    card = {
        **CARD,
        "intensity": "picture",
        "cache_bits": 16,
        "labels": labels,
        "kind": "multilabel",
        "stage": stage,
        "thresholds": [0.5] * classes,
    }
    Path("classifier.json").write_text(json.dumps(card))
    return classifier.eval()


def opened(path: str, network: nn.Module) -> nn.Module:
    state = safetensors.torch.load_file(path) if path.endswith("safetensors") else torch.load(path, weights_only=True)
    network.load_state_dict(state)
    return network.eval()


def same_outputs(ours: Callable[[torch.Tensor], torch.Tensor], theirs: nn.Module) -> None:
    """Colour images as they are, grey ones as three equal channels; in float64."""
    colour, grey = torch.rand(2, 3, 64, 64).double(), torch.rand(2, 1, 64, 64).double()
    theirs.double()
    with torch.no_grad():
        torch.testing.assert_close(theirs(colour), ours(colour), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(theirs(grey.expand(-1, 3, -1, -1)), ours(grey), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_classifier_in_torchvisions_names(suffix: str) -> None:
    classifier = write_classifier(trained(StageEncoder(resnet18(**LAYOUT))))
    written = export_weights("classifier.pt", "torchvision", f"out/net{suffix}")
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(["net.json", f"net{suffix}"])
    network = opened(f"out/net{suffix}", torchvision_layout("basic", (2, 2, 2, 2), 3))
    same_outputs(classifier.double(), network)
    card = json.loads(Path("out/net.json").read_text())
    assert card == written.card
    assert {key: card[key] for key in ("mean", "std", "channels", "image_size", "labels", "kind")} == {
        **{key: CARD[key] for key in ("mean", "std", "channels", "image_size")},
        "labels": {"0": "Finding 0", "1": "Finding 1", "2": "Finding 2"},
        "kind": "multilabel",
    }
    assert (card["intensity"], card["cache_bits"]) == ("picture", 16)  # how grey values are scaled and rounded
    assert card["opens_with"] == "torchvision.models.resnet18(weights=None, num_classes=3)"
    assert (card["names"], card["classes"], card["in_channels"]) == ("torchvision", 3, 3)
    assert "three equal channels" in card["channel_rule"]
    assert "settings" not in card
    assert card["weights_sha256"] == weights_sha256(read_weights(f"out/net{suffix}").resnet)


@pytest.mark.slow
def test_the_resnet50_encoder_of_a_run() -> None:
    encoder = trained(StageEncoder(resnet50(**LAYOUT, feed_forward=False))).eval()
    save_encoder("encoder.pt", encoder, CARD)
    card = export_weights("encoder.pt", "torchvision", "vision.safetensors").card
    network = opened("vision.safetensors", torchvision_layout("bottleneck", (3, 4, 6, 3), None))
    encoder.double()
    same_outputs(lambda images: encoder(images).embedding, network)
    assert (card["architecture"], card["classes"]) == ("resnet50", None)
    # What came out goes in again.
    export_weights("vision.safetensors", "monai", "monai.pt")
    same_outputs(lambda x: encoder(x).embedding, opened("monai.pt", resnet50(**LAYOUT, feed_forward=False)))
    assert json.loads(Path("monai.json").read_text())["mean"] == 0.5


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_resnet_in_monais_names(channels: int, bias: bool) -> None:
    options: dict[str, Any] = {**LAYOUT, "n_input_channels": channels, "bias_downsample": bias}
    build: Callable[..., nn.Module] = lambda **more: type(small_resnet())(  # noqa: E731
        "bottleneck", [1, 1, 2, 1], [4, 8, 16, 32], **options, **more
    )
    classifier = write_classifier(trained(StageEncoder(build())), classes=1)  # type: ignore[arg-type]
    call = export_weights("classifier.pt", "monai", "net.pt").card["opens_with"]
    network = opened("net.pt", build(num_classes=1))
    images = torch.rand(2, channels, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(images), classifier(images), rtol=1e-5, atol=1e-5)
    assert call == (
        f"monai.networks.nets.ResNet('bottleneck', [1, 1, 2, 1], [4, 8, 16, 32], spatial_dims=2, n_input_channels="
        f"{channels}, conv1_t_stride=2, bias_downsample={bias}, num_classes=1)"
    )


def test_an_mlp_head_of_moco_is_no_classification_layer() -> None:
    state = {f"module.encoder_q.{name}": value for name, value in small_resnet().state_dict().items()}
    head = {"module.encoder_q.fc.weight": torch.ones(7, 128), "module.encoder_q.fc.bias": torch.ones(7)}
    torch.save({"state_dict": {**state, **head}}, "moco.pth.tar")
    assert export_weights("moco.pth.tar", "monai", "net.pt").card["classes"] is None
    assert set(read_weights("net.pt").resnet) == set(small_resnet().state_dict())


@pytest.fixture
def _ten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take ResNet-10 for one that torchvision and timm have: the smallest of their widths."""
    monkeypatch.setitem(architectures._PARTS, "resnet10", ("basic", (1, 1, 1, 1)))


def timm_of(create: Callable[[int, int], nn.Module]) -> types.ModuleType:
    module = types.ModuleType("timm")
    module.__version__ = "9.9"  # type: ignore[attr-defined]
    module.create_model = lambda name, pretrained, num_classes, in_chans: create(num_classes, in_chans)  # type: ignore[attr-defined]
    return module


def _other_stride(classes: int) -> nn.Module:
    network: Any = torchvision_layout("basic", (1, 1, 1, 1), classes)
    network.layer3[0].conv1.stride = network.layer3[0].downsample[0].stride = (1, 1)
    return network


def _other_shape(classes: int) -> nn.Module:
    network: Any = torchvision_layout("basic", (1, 1, 1, 1), classes)
    network.register_forward_hook(lambda module, given, outputs: outputs[:, :1])
    return network


def _other_names(classes: int) -> nn.Module:
    network: Any = torchvision_layout("basic", (1, 1, 1, 1), classes)
    network.head, network.fc = network.fc, None
    return network


@pytest.mark.usefixtures("_ten")
def test_timms_own_network_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    write_classifier(trained(StageEncoder(resnet10(**LAYOUT))))
    good = timm_of(lambda classes, channels: torchvision_layout("basic", (1, 1, 1, 1), classes))
    monkeypatch.setitem(sys.modules, "timm", good)
    written = export_weights("classifier.pt", "timm", "net.pt")
    assert written.proof.startswith("timm 9.9: largest difference")
    assert written.card["opens_with"] == "timm.create_model('resnet10', num_classes=3, in_chans=3)"


@pytest.mark.usefixtures("_ten")
@pytest.mark.parametrize(
    ("network", "match"),
    [
        (_other_stride, r"other outputs than our network \(difference"),
        (_other_shape, r"shape \(4, 1\), our network \(4, 3\)"),
        (_other_names, r"do not fit timm 9.9's network, nothing was written: .*head.weight"),
    ],
)
def test_nothing_is_written_when_the_library_disagrees(
    monkeypatch: pytest.MonkeyPatch, network: Callable[..., nn.Module], match: str
) -> None:
    write_classifier(trained(StageEncoder(resnet10(**LAYOUT))))
    other = timm_of(lambda classes, channels: network(classes))
    monkeypatch.setitem(sys.modules, "timm", other)
    with pytest.raises(WeightsError, match=match):
        export_weights("classifier.pt", "timm", "out/net.pt")
    assert not list(Path("out").iterdir())


@pytest.mark.usefixtures("_ten")
def test_without_timm_both_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    write_classifier(StageEncoder(resnet10(**LAYOUT)))
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(WeightsError, match=r"pip install timm. Or: the layout torchvision has the same names"):
        export_weights("classifier.pt", "timm", "net.pt")


@pytest.mark.usefixtures("_ten")
def test_with_a_broken_timm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_classifier(StageEncoder(resnet10(**LAYOUT)))
    (tmp_path / "timm.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(WeightsError, match=r"cannot be imported \(RuntimeError: operator torchvision::nms"):
        export_weights("classifier.pt", "timm", "net.pt")
    (tmp_path / "timm.py").write_text("import torch_vision_that_is_not_there")
    with pytest.raises(WeightsError, match=r"cannot be imported \(ModuleNotFoundError"):
        export_weights("classifier.pt", "timm", "net.pt")


@pytest.mark.parametrize("channels", [1, 3])
def test_the_real_timm_where_it_is_installed(channels: int) -> None:
    timm = pytest.importorskip("timm", exc_type=ImportError)
    classifier = write_classifier(trained(StageEncoder(resnet18(**{**LAYOUT, "n_input_channels": channels}))))
    card = export_weights("classifier.pt", "timm", "net.safetensors").card
    network = opened("net.safetensors", eval(card["opens_with"], {"timm": timm}))
    images = torch.rand(2, channels, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(images), classifier(images), rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("_ten")
def test_what_the_library_does_not_have_is_refused() -> None:
    for stage, words in ((2, "stage 2"), ("all", "all four stages")):
        write_classifier(StageEncoder(small_resnet()), stage=stage)
        with pytest.raises(WeightsError, match=rf"'classifier.pt' reads {words}, but .*torchscript") as refused:
            export_weights("classifier.pt", "monai", "net.pt")
        assert refused.value.code == "stage"
    write_classifier(StageEncoder(small_resnet()))
    for library in ("torchvision", "timm"):
        with pytest.raises(
            WeightsError, match=rf"{library} has no ResNet of \[1, 1, 1, 1\] bottleneck .* choose monai"
        ):
            export_weights("classifier.pt", library, "net.pt")
    write_classifier(StageEncoder(resnet10(**{**LAYOUT, "n_input_channels": 1})))
    with pytest.raises(WeightsError, match=r"images of 1 channel\(s\), but torchvision's ResNets take 3: choose monai"):
        export_weights("classifier.pt", "torchvision", "net.pt")
    write_classifier(StageEncoder(resnet10(**{**LAYOUT, "bias_downsample": True})))
    with pytest.raises(WeightsError, match=r"do not fit .*torchvision.*downsample.0.bias"):
        export_weights("classifier.pt", "torchvision", "net.pt")
    with pytest.raises(WeightsError, match="no layout 'keras': choose one of torchvision, timm, monai"):
        export_weights("classifier.pt", "keras", "net.pt")
    assert sorted(path.name for path in Path().iterdir()) == ["classifier.json", "classifier.pt"]


def test_weights_that_are_no_numbers_are_refused() -> None:
    classifier = write_classifier(StageEncoder(small_resnet()))
    torch.save({**classifier.state_dict(), "head.bias": torch.full((3,), torch.nan)}, "classifier.pt")
    with pytest.raises(WeightsError, match=r"head.bias in 'classifier.pt' holds NaN"):
        export_weights("classifier.pt", "monai", "net.pt")


def test_files_are_replaced_only_when_told_and_originals_never() -> None:
    write_classifier(StageEncoder(small_resnet()))
    Path("net.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"'net.json' exists already") as refused:
        export_weights("classifier.pt", "monai", "net.pt")
    assert refused.value.code == "exists"
    export_weights("classifier.pt", "monai", "net.pt", overwrite=True)
    assert json.loads(Path("net.json").read_text())["names"] == "monai"
    with pytest.raises(WeightsError, match=r"'net.pt' exists already"):
        export_weights("classifier.pt", "monai", "net.pt")
    for name, original in (("classifier.safetensors", "classifier.json"), ("classifier.pt", "classifier.pt")):
        with pytest.raises(WeightsError, match=f"'{original}' belongs to the weights that are exported"):
            export_weights("classifier.pt", "monai", name, overwrite=True)
    with pytest.raises(WeightsError, match=r"'net.onnx', but must end in .pt or .safetensors"):
        export_weights("classifier.pt", "monai", "net.onnx")
    Path("folder.pt").mkdir()
    with pytest.raises(WeightsError, match=r"'folder.pt' is a folder"):
        export_weights("classifier.pt", "monai", "folder.pt", overwrite=True)
