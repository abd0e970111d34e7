from __future__ import annotations

import multiprocessing
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from monai_mocoi.data import DecodedCache, shared_decoding
from monai_mocoi.data.decode import ImageList
from monai_mocoi.data.shared_decoding import SharedDecoding
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.transforms import ReadImage
from tests.data.dataset_folders import picture, save

READ = ReadImage(1)
COUNT = 9


@dataclass(frozen=True)
class Decode:
    """Reads a PNG and notes in a file, for all processes, that it did."""

    log: str

    def __call__(self, path: str) -> torch.Tensor:
        with open(self.log, "a") as file:
            file.write("x")
        return READ(path)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(shared_decoding, "_PART", 2)


@pytest.fixture
def files(tmp_path):
    return [str(save(tmp_path / f"secret-name-{i}.png", picture(i))) for i in range(COUNT)]


@pytest.fixture
def sides(files, tmp_path):
    """The maker and a helper."""
    images = ImageList(files, READ)
    return SharedDecoding(images, tmp_path / "parts"), SharedDecoding(images, tmp_path / "parts")


def known(maker):
    """What helpers have found, by index."""
    return {index: one for index, one in maker if one is not None}


def test_a_helper_decodes_the_last_parts_and_the_maker_the_first(sides, files):
    maker, helper = sides
    assert not helper.help(), "there is nothing to do before the maker begins"
    work = maker.work()
    assert [next(work), next(work)] == [(0, None), (1, None)]
    assert helper.help()
    assert helper.help()
    rest = [next(work) for _ in range(3)]
    assert [index for index, _ in rest] == [6, 7, 8], "what is there is taken first"
    assert all(row is not None and np.array_equal(row[0], maker.images.decoded(index)) for index, row in rest)
    assert [(index, one) for index, one in work] == [(2, None), (3, None), (4, None), (5, None)]
    assert not helper.help()
    maker.clear()
    assert not maker.folder.exists()
    assert not helper.help()


def test_the_maker_waits_for_nobody_who_is_gone(sides):
    maker, helper = sides
    work = maker.work()
    next(work)
    with file_lock(helper.folder / "4.lock") as held:  # one that begins, and ends without a result
        assert held
        assert [next(work) for _ in range(COUNT - 2)] == [(index, None) for index in range(1, COUNT - 1)]
    assert list(work) == [(COUNT - 1, None)]


def test_a_helper_leaves_the_maker_its_room(sides, monkeypatch):
    maker, helper = sides
    work = maker.work()
    next(work)
    whole = sum(maker.images.decoded(index).nbytes for index in range(COUNT))
    usage = shutil.disk_usage(maker.folder)
    monkeypatch.setattr(shared_decoding.shutil, "disk_usage", lambda _: usage._replace(free=whole))
    helper.help()
    assert not list(maker.folder.glob("*.npz"))
    assert not helper.help()
    assert [(index, one) for index, one in work] == [(index, None) for index in range(1, COUNT)]


@pytest.mark.parametrize("damage", ["half", "empty", "a row"])
def test_what_is_damaged_on_the_way_is_decoded_by_the_maker(sides, damage):
    maker, helper = sides
    work = maker.work()
    next(work)
    helper.help()
    part = helper.folder / "4.npz"
    raw = part.read_bytes()
    if damage == "a row":
        with np.load(part) as arrays:
            content = {name: arrays[name] for name in arrays.files}
        content["rows"][0, 0, 0, 0] ^= 1
        np.savez(part, **content)
    else:
        part.write_bytes(raw[: len(raw) // 2] if damage == "half" else b"")
    assert dict(work)[COUNT - 1] is None


def test_unreadable_ones_are_told_without_names(sides, files):
    maker, helper = sides
    Path(files[-1]).write_bytes(b"nothing")
    Path(files[-2]).write_bytes(b"nothing")
    work = maker.work()
    next(work)
    helper.help()
    helper.help()
    assert all("secret" not in path.name and b"secret" not in path.read_bytes() for path in helper.folder.iterdir())
    found = dict(work)
    assert "unknown kind" in found[COUNT - 1]
    assert "unknown kind" in found[COUNT - 2]
    assert np.array_equal(found[COUNT - 3][0], maker.images.decoded(COUNT - 3))


def test_who_cannot_help_leaves_it_to_the_maker(sides, files):
    maker, helper = sides
    save(Path(files[-2]), picture(1, size=30))  # another shape, in one part with the one before it
    work = maker.work()
    next(work)
    assert helper.help()  # the last part, of one image
    assert not helper.help()
    assert not helper.help()
    assert known(work).keys() == {COUNT - 1}


def test_a_list_of_one_part_is_not_shared(sides, monkeypatch):
    monkeypatch.setattr(shared_decoding, "_PART", COUNT)
    maker = SharedDecoding(sides[0].images, sides[0].folder)
    assert list(maker.work()) == [(index, None) for index in range(COUNT)]
    assert not maker.folder.exists()


def _open_in_process(arguments):
    files, decode, folder = arguments
    cache = DecodedCache(ImageList(files, decode, max_bad_share=0.5), folder, progress=False)
    return cache.file.read_bytes(), cache.bad


def test_processes_that_share_the_work_make_what_one_makes_alone(files, tmp_path):
    Path(files[4]).write_bytes(b"nothing")
    alone, together = Decode(str(tmp_path / "alone")), Decode(str(tmp_path / "together"))
    expected = _open_in_process((files, alone, str(tmp_path / "1")))
    with multiprocessing.get_context("fork").Pool(3) as pool:
        results = pool.map(_open_in_process, [(files, together, str(tmp_path / "2"))] * 3, chunksize=1)
    assert results == [expected] * 3
    assert {path.suffix for path in (tmp_path / "2").iterdir()} == {".npy", ".json", ".lock"}
    # Each once, the first once more for the shape; and a process that opens it later tries the bad one again.
    assert COUNT + 1 <= Path(together.log).stat().st_size <= COUNT + 3
