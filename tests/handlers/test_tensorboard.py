"""What reaches TensorBoard: read back from the event files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.handlers import TensorBoardStatsHandler
from PIL import Image

from monai_mocoi.handlers import LazySummaryWriter, SettingsText, ViewPairs, view_pairs
from tests.handlers.engine import counting
from tests.support.tensorboard_events import events


def test_nothing_is_written_until_something_is(tmp_path: Path) -> None:
    writer = LazySummaryWriter(tmp_path / "tb")
    TensorBoardStatsHandler(summary_writer=writer)
    writer.close()
    assert not (tmp_path / "tb").exists()
    writer.add_scalar("a", 1.0, 0)
    writer.close()
    assert events(tmp_path / "tb").Scalars("a")[0].value == 1


def test_scalars_and_settings_arrive(tmp_path: Path) -> None:
    writer = LazySummaryWriter(tmp_path)
    stats = TensorBoardStatsHandler(summary_writer=writer, output_transform=lambda output: output)
    counting(handlers=[SettingsText(writer, {"seed": 3}), stats]).run()
    writer.close()
    found = events(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("loss/total")] == [(i + 1, i % 3) for i in range(6)]
    text = found.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "| seed | `3` |" in text


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("known", [True, False])
def test_view_pairs_are_shown_with_captions_and_without_the_normalisation(
    tmp_path: Path, channels: int, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    real = view_pairs.picture_sheet
    monkeypatch.setattr(
        view_pairs, "picture_sheet", lambda *given, **options: [said.append(given), real(*given, **options)][1]
    )
    first, second = torch.rand(5, channels, 128, 128), torch.rand(5, channels, 128, 128)
    batch = {"view1": (first - 0.5) / 0.25, "view2": (second - 0.5) / 0.25}
    if known:
        batch["index"] = torch.tensor([7, 0, 3, 2, 1])
    writer = LazySummaryWriter(tmp_path)
    engine = counting(
        max_epochs=3,
        step=lambda engine, batch: {},
        handlers=[ViewPairs(writer, [0.5] * channels, 0.25, pairs=2, every=2)],
    )
    engine.data_loader = [batch] * 3
    engine.run()
    writer.close()
    shown = events(tmp_path).Images("views/pairs")
    assert [e.step for e in shown] == [1, 3]
    assert [title[:31] for title, _ in said] == ["View pairs, epoch 1, step 1: tw", "View pairs, epoch 3, step 7: tw"]
    assert said[0][0].endswith("Row: of 'training', then 'pretraining', in datalist.json, from 0")
    (part,) = said[0][1]
    assert [one.caption for one in part.pictures] == (["row 7", "row 0"] if known else ["", ""])
    path = tmp_path / "picture.png"
    path.write_bytes(shown[0].encoded_image_string)
    sheet = np.asarray(Image.open(path).convert("RGB"))
    for place, one in enumerate(part.pictures):
        expected = torch.cat([first[place], second[place]], -2).expand(3, -1, -1).permute(1, 2, 0).numpy()
        assert np.abs(one.picture / 255 - expected).max() < 1.01 / 255
        left = 8 + 136 * place
        windows = np.lib.stride_tricks.sliding_window_view(sheet[:, left : left + 128], (256, 128, 3))[:, 0, 0]
        assert any((window == one.picture).all() for window in windows), "it stands on the sheet as it is"
