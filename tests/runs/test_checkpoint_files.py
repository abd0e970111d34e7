from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from monai_mocoi.errors import CheckpointError, DiskFullError
from monai_mocoi.exit_codes import DATA, DISK_FULL
from monai_mocoi.runs import checkpoint_files as module
from monai_mocoi.runs import newest_checkpoint, read_checkpoint
from monai_mocoi.runs.checkpoint_files import check_room, checkpoint_files, iteration_of, write_checkpoint


def written(folder: Path, *iterations: int, keep: int = 5) -> list[Path]:
    return [write_checkpoint(folder, i, {"x": torch.full((100,), float(i))}, keep) for i in iterations]


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {"a": torch.arange(5), "b": {"c": [1, 2.5, None, "text", True]}, "d": torch.ones(3, dtype=torch.bfloat16)}
    path = write_checkpoint(tmp_path / "new", 7, state, keep=1)
    found = read_checkpoint(path)
    assert torch.equal(found["a"], state["a"])
    assert found["b"] == state["b"]
    assert found["d"].dtype == torch.bfloat16
    assert iteration_of(path) == 7
    assert newest_checkpoint(path.parent) == path


def test_digest_can_be_checked_with_sha256sum(tmp_path: Path) -> None:
    (path,) = written(tmp_path, 1)
    digest = path.with_name(path.name + ".sha256").read_text()
    assert digest == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"


def test_the_newest_are_kept_in_the_order_of_their_iterations(tmp_path: Path) -> None:
    written(tmp_path, 9, 10, 100, 1000, keep=2)
    assert [iteration_of(path) for path in checkpoint_files(tmp_path)] == [1000, 100]
    assert len(list(tmp_path.iterdir())) == 4  # two checkpoints, two digests, no leftovers


def test_a_file_of_another_name_is_nobodys_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "checkpoint_best.pt").write_bytes(b"mine")
    (tmp_path / "checkpoint_000000001_backup.pt").write_bytes(b"mine too")
    (good,) = written(tmp_path, 2, keep=1)
    assert checkpoint_files(tmp_path) == [good]
    assert (tmp_path / "checkpoint_000000001_backup.pt").exists()


def test_a_newer_file_takes_no_place_of_the_one_just_written(tmp_path: Path) -> None:
    newer, written_now = written(tmp_path, 9, 3, keep=1)
    assert checkpoint_files(tmp_path) == [newer, written_now]


def test_no_folder_no_checkpoint(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none") is None


@pytest.mark.parametrize("damage", ["truncated", "flipped", "no digest", "empty digest", "empty"])
def test_damaged_ones_are_named_and_passed_over(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = written(tmp_path, 1, 2)
    content, digest = bytearray(bad.read_bytes()), bad.with_name(bad.name + ".sha256")
    if damage == "truncated":
        bad.write_bytes(content[:-50])
    elif damage == "flipped":
        content[len(content) // 2] ^= 4
        bad.write_bytes(content)
    elif damage == "no digest":
        digest.unlink()
    elif damage == "empty digest":
        digest.write_text("")
    else:
        bad.write_bytes(b"")
    assert newest_checkpoint(tmp_path) == good
    assert bad.with_name(bad.name + ".damaged").exists()
    assert checkpoint_files(tmp_path) == [good]
    assert bad.name in caplog.text
    assert good.name not in caplog.text


def test_all_damaged_is_an_error_that_names_them(tmp_path: Path) -> None:
    for path in written(tmp_path, 1, 2):
        path.write_bytes(b"x")
    expected = r"checkpoint_000000002.pt, checkpoint_000000001.pt.*overwrite"
    with pytest.raises(CheckpointError, match=expected) as caught:
        newest_checkpoint(tmp_path)
    assert caught.value.exit_code == DATA


def test_leftovers_of_a_killed_writer_do_not_count_and_are_removed(tmp_path: Path) -> None:
    (good,) = written(tmp_path, 1)
    (tmp_path / ".checkpoint_000000002.abc.tmp.pt").write_bytes(b"half")
    (tmp_path / "checkpoint_000000002.pt.sha256").write_text("0  checkpoint_000000002.pt")
    assert newest_checkpoint(tmp_path) == good
    assert sorted(p.name for p in tmp_path.iterdir()) == [good.name, good.name + ".sha256"]


class Dangerous:
    def __reduce__(self) -> Any:
        return print, ("code in a checkpoint runs",)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "checkpoint_000000001.pt"
    torch.save({"format": module.FORMAT, "x": Dangerous()}, path)
    with pytest.raises(CheckpointError, match=r"checkpoint_000000001.pt cannot be read"):
        read_checkpoint(path)
    assert "runs" not in capsys.readouterr().out


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint_000000001.pt"
    torch.save({"format": 99}, path)
    with pytest.raises(CheckpointError, match="another version"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, r"\d MiB are free"), (errno.EDQUOT, r"written: your quota [^0-9]* used up")]
)
def test_a_full_disk_leaves_the_earlier_ones_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    (good,) = written(tmp_path, 1)
    before = sorted(p.name for p in tmp_path.iterdir())

    def full(path: Path, content: Any) -> None:
        if path.suffix == ".pt":
            raise OSError(number, "no room")
        original(path, content)

    original = module.write_bytes
    monkeypatch.setattr(module, "write_bytes", full)
    with pytest.raises(DiskFullError, match=rf"{reason}\..*resume true") as caught:
        written(tmp_path, 2, keep=1)
    assert caught.value.exit_code == DISK_FULL
    assert newest_checkpoint(tmp_path) == good
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_another_error_of_the_disk_is_not_called_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, content: Any) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(module, "write_bytes", broken)
    with pytest.raises(OSError, match="broken") as caught:
        written(tmp_path, 1)
    assert not isinstance(caught.value, DiskFullError)


def test_too_little_room_is_seen_before_the_run(tmp_path: Path) -> None:
    check_room(tmp_path / "not" / "yet", 1, keep=2)
    with pytest.raises(DiskFullError, match=r"MiB cannot be written"):
        check_room(tmp_path / "not" / "yet", 1 << 60, keep=2)
    assert not (tmp_path / "not").exists()


def test_room_is_needed_for_those_to_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def needs(room: int) -> bool:
        for free, enough in ((room, True), (room - 1, False)):
            monkeypatch.setattr(module.shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
            if enough:
                check_room(tmp_path, 10, keep=2)
                continue
            with pytest.raises(DiskFullError):
                check_room(tmp_path, 10, keep=2)
        return True

    assert needs(30)
    written(tmp_path, 1)
    (tmp_path / ".checkpoint_000000002.abc.tmp.pt").write_bytes(b"left by a killed writer")
    (tmp_path / "checkpoint_000000003.pt.damaged").write_bytes(b"")
    assert needs(20)
    written(tmp_path, 2, 3, 4)
    assert needs(10)  # fewer are kept from now on, but the next one is written first


def test_the_newest_first_and_nothing_else(tmp_path: Path) -> None:
    ours = [tmp_path / f"checkpoint_{number:09d}.pt" for number in (1000, 20, 3)]
    others = ("checkpoint_best.pt", "checkpoint_000000009.pt.damaged", ".checkpoint_000000010.abc.tmp.pt")
    for path in (*ours, *(tmp_path / name for name in others)):
        path.touch()
    assert checkpoint_files(tmp_path) == ours
    assert [iteration_of(path) for path in ours] == [1000, 20, 3]
    assert checkpoint_files(tmp_path / "none") == []
