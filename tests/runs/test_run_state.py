from __future__ import annotations

import io
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from monai_mocoi.runs.run_state import cut_back, log_lengths, random_state, set_random_state


def draw() -> list[float]:
    # An odd number of gauss draws leaves one in store in Python's and NumPy's generators.
    return [
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),  # noqa: NPY002
        float(np.random.randn()),  # noqa: NPY002
        float(torch.rand(())),
        float(torch.randn(())),
    ]


@pytest.mark.parametrize("draws_before", [0, 1, 2])
def test_goes_on_after_the_way_through_a_weights_only_file(draws_before: int) -> None:
    for _ in range(draws_before):
        draw()
    buffer = io.BytesIO()
    torch.save(random_state(), buffer)
    expected = [draw() for _ in range(3)]
    buffer.seek(0)
    set_random_state(torch.load(buffer, weights_only=True))
    assert [draw() for _ in range(3)] == expected


def test_looking_changes_nothing() -> None:
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    expected = draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    random_state()
    assert draw() == expected


def test_files_go_back_to_what_they_were(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"first")
    (tmp_path / "notes.txt").write_bytes(b"mine")
    lengths = log_lengths(tmp_path)
    assert lengths == {"events.out.tfevents.1": 5}
    (tmp_path / "events.out.tfevents.1").write_bytes(b"first and more")
    (tmp_path / "events.out.tfevents.2").write_bytes(b"new")
    cut_back(tmp_path, lengths)
    assert (tmp_path / "events.out.tfevents.1").read_bytes() == b"first"
    assert not (tmp_path / "events.out.tfevents.2").exists()
    assert (tmp_path / "notes.txt").read_bytes() == b"mine"


def test_shorter_and_missing_files_stay(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"1")
    cut_back(tmp_path, {"events.out.tfevents.1": 9, "gone": 3})
    assert (tmp_path / "events.out.tfevents.1").read_bytes() == b"1"


def test_no_folder(tmp_path: Path) -> None:
    assert log_lengths(tmp_path / "none") == {}
    cut_back(tmp_path / "none", {"events.out.tfevents.1": 1})


def test_what_is_measured_is_down_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run" / "tensorboard"
    folder.mkdir(parents=True)
    files = [folder / f"events.out.tfevents.{number}" for number in (1, 2)]
    for path in files:
        path.write_bytes(b"curve")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    assert log_lengths(folder) == {path.name: 5 for path in files}
    assert synced == [path.stat().st_ino for path in (*files, folder, folder.parent)]
