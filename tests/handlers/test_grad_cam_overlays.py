from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from monai_mocoi.errors import SettingsError
from monai_mocoi.figures import grad_cam_sheet
from monai_mocoi.figures.grad_cam_sheet import file_names, overlay
from monai_mocoi.handlers import GradCAMOverlays
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
        maps = network.encoder(images()).stages[3 if stage == "all" else stage - 1]
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


PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.3], [0.5, 0.04]])


def drawn(
    folder: Path, channels: int = 1, mean: Any = 0.5, std: Any = 0.25, thresholds: Any = None, **options: Any
) -> list[str]:
    """Draw two batches, in the first of which an image was unreadable."""
    outputs = [
        {"index": np.array([0, 2, 3]), "decisions": np.array([[1, 0], [0, 0], [1, 1]], bool), "unreadable": {1: "r"}},
        {"index": np.zeros(0, int), "decisions": np.zeros((0, 2), bool), "unreadable": {4: "r"}},
    ]
    for output, probabilities in zip(outputs, (PROBABILITIES, PROBABILITIES[:0]), strict=True):
        output["probabilities"], output["thresholds"] = probabilities, thresholds
    batches = [{"image": images(3, channels)}, {"image": None}]

    def step(engine: Any, batch: int) -> dict[str, Any]:
        engine.state.batch = batches[batch]
        return outputs[batch]

    network = options.pop("network", None) or classifier()
    overlays = GradCAMOverlays(folder, network, CLASSES, mean, std, **options)
    with torch.no_grad():
        counting(max_epochs=1, iterations=2, step=step, handlers=[overlays]).run()
    return sorted(path.name for path in (folder / "grad_cam").glob("*"))


def test_what_was_decided_is_drawn(tmp_path: Path) -> None:
    assert drawn(tmp_path) == [
        "row000001_Pleural_Thickening.png", "row000004_Mass_Nodule.png", "row000004_Pleural_Thickening.png",
    ]  # fmt: skip
    with Image.open(tmp_path / "grad_cam" / "row000004_Mass_Nodule.png") as png:
        assert (png.mode, png.info) == ("RGB", {})


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What each sheet is given, in the order in which they are drawn."""
    given: list[Any] = []
    real = grad_cam_sheet.grad_cam_sheet
    monkeypatch.setattr(
        grad_cam_sheet, "grad_cam_sheet", lambda *arguments: [given.append(arguments), real(*arguments)][1]
    )
    return given


def test_a_sheet_has_the_picture_the_overlay_and_what_was_decided(tmp_path: Path, sheets: list[Any]) -> None:
    drawn(tmp_path, thresholds=np.array([0.5, 0.031]), positive=False, only="Mass/Nodule")
    assert [sheet[0] for sheet in sheets] == [
        "Row 1, Mass/Nodule: probability 0.10, threshold 0.031: not called",
        "Row 3, Mass/Nodule: probability 0.30, threshold 0.031: not called",
        "Row 4, Mass/Nodule: probability 0.04, threshold 0.031: called",
    ]
    heats = GradCAMOverlays(tmp_path, classifier(), CLASSES, 0.5, 0.25).heat(images(), 1)
    assert heats[2].any()
    for (_, picture, heated, scale, below, notes), image, heat in zip(sheets, images(), heats, strict=True):
        shown = image * 0.25 + 0.5
        grey = np.rint(shown.clamp(0, 1).numpy()[0] * 255).astype(np.uint8)
        np.testing.assert_array_equal(picture, np.repeat(grey[..., None], 3, axis=-1))
        np.testing.assert_array_equal(heated, overlay(shown, heat))
        assert (scale.shape, scale[0, 0].tolist()) == ((256, 1, 3), [191] * 3)
        assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in below] == [
            "as the network sees it, 64 x 64 pixels", "evidence for it, from a map of 8 x 8 fields"
        ]  # fmt: skip
        assert "what this network used, not where a disease is" in notes


def test_of_multiclass_labels_the_highest_is_named(tmp_path: Path, sheets: list[Any]) -> None:
    drawn(tmp_path, positive=False, only="Mass/Nodule")
    assert [sheet[0].partition(": ")[2] for sheet in sheets] == [
        "probability 0.10, not the highest of 2: not called",
        "probability 0.30, not the highest of 2: not called",
        "probability 0.04, the highest of 2: called",
    ]


def test_small_pictures_are_shown_large(tmp_path: Path) -> None:
    drawn(tmp_path)
    with Image.open(tmp_path / "grad_cam" / "row000004_Mass_Nodule.png") as png:
        assert min(png.size) >= 256


def test_the_same_pictures_give_the_same_files(tmp_path: Path) -> None:
    for name in "ab":
        drawn(tmp_path / name)
    for file in (tmp_path / "a" / "grad_cam").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / "grad_cam" / file.name).read_bytes()


def test_the_log_tells_how_many_sheets_and_how_many_without_heat(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sheets: list[Any]
) -> None:
    caplog.set_level(logging.INFO)
    network = classifier()
    with torch.no_grad():
        network.head.weight[0].fill_(-1)
    drawn(tmp_path / "a", network=network)
    end = "3 sheets in {}; 2 of them without heat: nothing speaks for the class"
    assert f"Grad-CAM: {end.format(tmp_path / 'a' / 'grad_cam')}" in caplog.messages
    nothing = "no heat: no place in the picture speaks for it"
    assert [sheet[4][1] == nothing for sheet in sheets] == [True, True, False]
    np.testing.assert_array_equal(sheets[0][1], sheets[0][2])
    drawn(tmp_path / "b", only=["Mass/Nodule"])
    assert f"Grad-CAM: 1 sheet in {tmp_path / 'b' / 'grad_cam'}" in caplog.messages
    drawn(tmp_path / "c", only=[], positive=False)
    assert "Grad-CAM: no sheet." in caplog.messages
    assert "fields, too few" not in caplog.text


@pytest.mark.parametrize(("stage", "fields", "size"), [(3, 4, 0), (4, 2, 128)])
def test_maps_of_fewer_than_four_fields_are_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sheets: list[Any], stage: int, fields: int, size: int
) -> None:
    drawn(tmp_path, network=classifier(stage), positive=False)
    heated = [sheet[4][1] for sheet in sheets if not sheet[4][1].startswith("no heat")]
    assert heated
    assert all(text.endswith("fields: too few to show a place") == bool(size) for text in heated)
    warnings = [text for text in caplog.messages if "fields" in text]
    assert warnings == [
        f"Grad-CAM: at 64 x 64 pixels the map of stage 4 has {fields} x {fields} fields, too few to show a place. Take "
        f"a classifier that was trained at a larger image_size, {size} or more."
    ] * bool(size)


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
    with pytest.raises(SettingsError, match=r"'mass/nodule', but .* Pleural Thickening, Mass/Nodule"):
        GradCAMOverlays(tmp_path, classifier(), CLASSES, 0.5, 0.25, only=["mass/nodule"])


def test_names_of_files_are_told_apart(tmp_path: Path) -> None:

    assert file_names(["a b", "Größe 3"]) == ["a_b", "Größe_3"]
    assert file_names(["a b", "A/B", "c"]) == ["a_b_1", "A_B_2", "c_3"]
    assert file_names(["+", "c"]) == ["_1", "c_2"]
