from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from monai_mocoi.handlers import GradCAMOverlays, SettingsError, overlay
from monai_mocoi.networks import Classifier, StageEncoder
from tests.handlers.engine import counting
from tests.networks.small import small_resnet

CLASSES = ["Pleural Thickening", "Mass/Nodule"]


def classifier(stage: int | str = 2, trainable: str = "all") -> Classifier:
    return Classifier(StageEncoder(small_resnet()), 2, stage, trainable, seed=1).eval()


def images(count: int = 3, channels: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, 64, 64, generator=torch.Generator().manual_seed(1)) * 4 - 2


@pytest.mark.parametrize("stage", [1, 2, 3, 4, "all"])
def test_the_heat_of_a_linear_layer_on_averaged_maps_is_its_weighted_map(stage: int | str, tmp_path: Path) -> None:
    network = classifier(stage)
    with torch.no_grad():
        before = network(images())
        maps = network.encoder.stage_map(images(), 4 if stage == "all" else stage)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        overlays = GradCAMOverlays(tmp_path, network, CLASSES, 0.5, 0.25)
        heats = [overlays.heat(images(), column) for column in (0, 1)]
    for column, heat in enumerate(heats):
        # d logit / d map is the layer's weight over the number of positions, the same everywhere.
        weight = network.head.weight[column].detach()[-maps.shape[1] :]  # of all stages the last one's are shown
        wanted = (maps * weight[:, None, None]).sum(1, keepdim=True).relu()
        wanted = functional.interpolate(wanted, (64, 64), mode="bilinear")[:, 0]
        most = wanted.amax((1, 2), keepdim=True)
        wanted = torch.where(most > 0, wanted / most, 0)
        torch.testing.assert_close(heat, wanted, rtol=1e-4, atol=1e-5)
    assert not torch.equal(*heats)
    with torch.no_grad():
        assert torch.equal(network(images()), before), "looking changes nothing"
    assert all(parameter.grad is None for parameter in network.parameters())


def test_where_nothing_speaks_for_a_class_there_is_no_heat(tmp_path: Path) -> None:
    network = classifier()
    with torch.no_grad():
        network.head.weight[0].fill_(-1)
    assert not GradCAMOverlays(tmp_path, network, CLASSES, 0.5, 0.25).heat(images(), 0).any()


def test_the_colours() -> None:
    heat = torch.tensor([[0, 1 / 3, 2 / 3, 1]])
    picture = torch.tensor([[[0.2, 0.2, 1.5, -1]]])
    shares = [0, 0.2, 0.4, 0.6]
    colours = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)]
    greys = [0.2, 0.2, 1, 0]
    wanted = [
        [round(255 * (grey * (1 - share) + share * part)) for part in colour]
        for grey, share, colour in zip(greys, shares, colours, strict=True)
    ]
    found = overlay(picture, heat)
    assert (found.shape, found.dtype) == ((1, 4, 3), np.uint8)
    np.testing.assert_allclose(found[0].astype(int), wanted, atol=1)
    assert found[0, 0].tolist() == [51, 51, 51]
    colour = torch.rand(3, 5, 6)
    np.testing.assert_array_equal(
        overlay(colour, torch.zeros(5, 6)), (colour * 255).round().byte().permute(1, 2, 0).numpy()
    )


def drawn(folder: Path, channels: int = 1, mean: Any = 0.5, std: Any = 0.25, **options: Any) -> list[str]:
    """Draw two batches, in the first of which an image was unreadable."""
    outputs = [
        {"index": np.array([0, 2, 3]), "decisions": np.array([[1, 0], [0, 0], [1, 1]], bool), "unreadable": {1: "r"}},
        {"index": np.zeros(0, int), "decisions": np.zeros((0, 2), bool), "unreadable": {4: "r"}},
    ]
    batches = [{"image": images(3, channels)}, {"image": None}]

    def step(engine: Any, batch: int) -> dict[str, Any]:
        engine.state.batch = batches[batch]
        return outputs[batch]

    overlays = GradCAMOverlays(folder, classifier(), CLASSES, mean, std, **options)
    with torch.no_grad():
        counting(max_epochs=1, iterations=2, step=step, handlers=[overlays]).run()
    return sorted(path.name for path in (folder / "grad_cam").glob("*"))


def test_what_was_decided_is_drawn(tmp_path: Path) -> None:
    assert drawn(tmp_path) == [
        "row000001_Pleural_Thickening.png", "row000004_Mass_Nodule.png", "row000004_Pleural_Thickening.png",
    ]  # fmt: skip
    heat = GradCAMOverlays(tmp_path, classifier(), CLASSES, 0.5, 0.25).heat(images(), 1)[2]
    with Image.open(tmp_path / "grad_cam" / "row000004_Mass_Nodule.png") as png:
        assert (png.size, png.mode, png.info) == ((64, 64), "RGB", {})
        np.testing.assert_array_equal(np.asarray(png), overlay(images()[2] * 0.25 + 0.5, heat))


def test_all_images_and_some_classes(tmp_path: Path) -> None:
    assert drawn(tmp_path / "all", positive=False, only=["Mass/Nodule"]) == [
        f"row{row:06d}_Mass_Nodule.png" for row in (1, 3, 4)
    ]
    assert drawn(tmp_path / "one", only="Mass/Nodule") == ["row000004_Mass_Nodule.png"]
    assert drawn(tmp_path / "colour", 3, [0.5] * 3, [0.25] * 3, only=["Mass/Nodule"]) == ["row000004_Mass_Nodule.png"]
    assert drawn(tmp_path / "none", only=[]) == []


def test_an_unknown_class_and_a_frozen_encoder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trainable 'all'"):
        GradCAMOverlays(tmp_path, classifier(trainable="head"), CLASSES, 0.5, 0.25)
    with pytest.raises(SettingsError, match=r"'mass/nodule', which is no class .* Pleural Thickening, Mass/Nodule"):
        GradCAMOverlays(tmp_path, classifier(), CLASSES, 0.5, 0.25, only=["mass/nodule"])


def test_names_of_files_are_told_apart(tmp_path: Path) -> None:
    from monai_mocoi.handlers.grad_cam_overlays import _file_names

    assert _file_names(["a b", "Größe 3"]) == ["a_b", "Größe_3"]
    assert _file_names(["a b", "A/B", "c"]) == ["a_b_1", "A_B_2", "c_3"]
    assert _file_names(["+", "c"]) == ["_1", "c_2"]
