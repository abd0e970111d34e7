from __future__ import annotations

from pathlib import Path

from monai_mocoi.runs.checkpoint_names import checkpoint_files, iteration_of


def test_the_newest_first_and_nothing_else(tmp_path: Path) -> None:
    ours = [tmp_path / f"checkpoint_{number:09d}.pt" for number in (1000, 20, 3)]
    others = ("checkpoint_best.pt", "checkpoint_000000009.pt.damaged", ".checkpoint_000000010.abc.tmp.pt")
    for path in (*ours, *(tmp_path / name for name in others)):
        path.touch()
    assert checkpoint_files(tmp_path) == ours
    assert [iteration_of(path) for path in ours] == [1000, 20, 3]
    assert checkpoint_files(tmp_path / "none") == []
