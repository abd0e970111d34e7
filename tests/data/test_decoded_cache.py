from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import Compose, RandFlip

from monai_mocoi.data import DatasetError, DecodedCache
from monai_mocoi.data.decoded_cache import dequantise, describe_decode, quantise
from monai_mocoi.transforms import FitSquare, ReadImage
from tests.data.dataset_folders import picture, save


@dataclass(frozen=True)
class Decode:
    """Reads a grey PNG and notes in a file, for all processes, that it did."""

    log: str
    scale: float = 1.0

    def __call__(self, path: str) -> torch.Tensor:
        with open(self.log, "a") as file:
            file.write("x")
        return ReadImage(1)(path) * self.scale

    @property
    def calls(self) -> int:
        return Path(self.log).stat().st_size if Path(self.log).exists() else 0


@pytest.fixture
def files(tmp_path):
    return [str(save(tmp_path / f"secret-name-{i}.png", picture(i))) for i in range(5)]


@pytest.fixture
def decode(tmp_path):
    return Decode(str(tmp_path / "log"))


def _open(files, decode, tmp_path, **options):
    return DecodedCache(files, decode, cache_dir=tmp_path / "cache", progress=False, **options)


@pytest.mark.parametrize("bits", [8, 16])
def test_quantise_against_whole_number_arithmetic(bits):
    limit = 2**bits - 1
    values = np.random.default_rng(0).random((3, 40, 50), dtype=np.float32)
    expected = np.array([round(float(np.float32(v) * np.float32(limit))) for v in values.ravel()])
    q = quantise(torch.from_numpy(values), bits)
    assert q.dtype == {8: np.uint8, 16: np.uint16}[bits]
    np.testing.assert_array_equal(q.ravel(), expected)
    assert float((dequantise(q) - torch.from_numpy(values)).abs().max()) <= 0.5 / limit * 1.01


@pytest.mark.parametrize("bits", [8, 16])
def test_every_level_comes_back_exactly(bits):
    levels = np.arange(2**bits, dtype=np.float32)[None, None]
    exact = levels / np.float32(2**bits - 1)
    np.testing.assert_array_equal(dequantise(quantise(exact, bits)).numpy(), exact)


def test_what_cannot_be_quantised():
    quantise(np.full((1, 1, 1), 1.0009, np.float32), 8)  # the overshoot of a filter
    for value, text in ((1.01, "1.01"), (-0.01, "-0.01"), (np.nan, "nan"), (255, "255")):
        with pytest.raises(DatasetError, match=rf"values from .*{text}"):
            quantise(np.full((1, 2, 2), value, np.float32), 8)
    with pytest.raises(DatasetError, match=r"shape \(2, 2\)"):
        quantise(np.zeros((2, 2), np.float32), 8)


def test_decodes_once_and_gives_the_same_bits(files, decode, tmp_path):
    cache = _open(files, decode, tmp_path)
    after = decode.calls
    assert after <= len(files) + 1  # the first one is decoded once more, for the shape
    again = _open(files, decode, tmp_path)
    for i, _ in enumerate(files):
        expected = torch.from_numpy(picture(i)[None].astype(np.float32) / np.float32(255))
        assert torch.equal(cache[i], expected)
        assert torch.equal(again[i], expected)
    assert decode.calls == after
    assert torch.equal(cache.decoded(2), cache[2])


def test_rows_are_copies(files, decode, tmp_path):
    cache = _open(files, decode, tmp_path)
    cache[0].zero_()
    assert cache[0].max() > 0


def test_a_changed_file_setting_or_order_gives_another_key(files, decode, tmp_path):
    keys = [_open(files, decode, tmp_path).key]
    keys.append(_open(files, decode, tmp_path, bits=16).key)
    keys.append(_open(files[::-1], decode, tmp_path).key)
    keys.append(_open(files, Decode(decode.log, 0.5), tmp_path).key)
    save(Path(files[1]), picture(99))
    os.utime(files[1], ns=(5, 5))
    changed = _open(files, decode, tmp_path)
    keys.append(changed.key)
    assert len(set(keys)) == 5
    assert torch.equal(changed[1], ReadImage(1)(files[1]))


def test_no_names_in_the_cache(files, decode, tmp_path):
    _open(files, decode, tmp_path, names=files)
    for path in (tmp_path / "cache").iterdir():
        assert b"secret" not in path.read_bytes()
        assert "secret" not in path.name


@pytest.mark.parametrize("what", ["cut", "empty", "zeros", "no index", "half an index", "other shape"])
def test_a_damaged_cache_is_made_anew(files, decode, tmp_path, what):
    cache = _open(files, decode, tmp_path)
    before = [cache[i] for i in range(5)]
    index = cache.file.with_suffix(".json")
    if what == "cut":
        os.truncate(cache.file, cache.file.stat().st_size - 1)
    elif what == "empty":
        os.truncate(cache.file, 0)
    elif what == "zeros":
        cache.file.write_bytes(bytes(cache.file.stat().st_size))
    elif what == "no index":
        index.unlink()
    elif what == "half an index":
        index.write_bytes(index.read_bytes()[:40])
    else:
        np.save(cache.file, np.zeros((5, 1, 3, 3), np.uint8))
    calls = decode.calls
    again = _open(files, decode, tmp_path)
    assert decode.calls > calls
    assert all(torch.equal(again[i], before[i]) for i in range(5))


def test_a_damaged_row_is_decoded_again_and_the_next_opening_mends_it(files, decode, tmp_path):
    cache = _open(files, decode, tmp_path)
    before = cache[3]
    raw = bytearray(cache.file.read_bytes())
    raw[-30] ^= 1  # in the last row
    cache.file.write_bytes(raw)
    damaged = _open(files, decode, tmp_path)
    with pytest.warns(UserWarning, match="damaged"):
        assert torch.equal(damaged[4], ReadImage(1)(files[4]))
    assert torch.equal(damaged[3], before)
    mended = _open(files, decode, tmp_path)
    calls = decode.calls
    assert torch.equal(mended[4], ReadImage(1)(files[4]))
    assert decode.calls == calls


def test_pickled_small_and_mapped_again(files, decode, tmp_path):
    cache = _open(files, decode, tmp_path)
    blob = pickle.dumps(cache)
    assert len(blob) < 5000
    calls = decode.calls
    assert torch.equal(pickle.loads(blob)[2], cache[2])
    assert decode.calls == calls


def _open_in_process(arguments):
    files, decode, folder = arguments
    return torch.stack([_open(files, decode, Path(folder))[i] for i in range(5)]).numpy()


def test_several_processes_make_it_once(files, decode, tmp_path):
    with multiprocessing.get_context("fork").Pool(3) as pool:
        results = pool.map(_open_in_process, [(files, decode, str(tmp_path))] * 3, chunksize=1)
    assert decode.calls == len(files) + 1
    assert all((result == results[0]).all() for result in results)


def test_unreadable_images_are_named_and_nothing_is_left(files, decode, tmp_path):
    Path(files[1]).write_bytes(b"nothing")
    names = [f"images/{i}.png" for i in range(5)]
    with pytest.raises(
        DatasetError, match=r"1 image\(s\) cannot be decoded(.|\n)*image 1 \(images/1\.png\): "
    ) as error:
        _open(files, decode, tmp_path, names=names)
    assert "secret" not in str(error.value)
    assert not [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"]


def test_different_shapes(files, decode, tmp_path):
    save(Path(files[4]), picture(4, size=20))
    with pytest.raises(DatasetError, match=r"image 4: its decoded shape is \(1, 20, 20\).*\(1, 24, 24\)"):
        _open(files, decode, tmp_path)


def test_missing_file(files, decode, tmp_path):
    Path(files[2]).unlink()
    with pytest.raises(DatasetError, match=r"^image 2: No such file"):
        _open(files, decode, tmp_path)


def test_too_little_disk_is_said_before_the_work(files, decode, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 2000))
    with pytest.raises(DatasetError, match=r"needs 0\.00 MiB.*0\.00 MiB free.*MONAI_MOCOI_CACHE"):
        _open(files, decode, tmp_path)
    assert decode.calls == 1


def test_wrong_arguments(files, decode, tmp_path):
    with pytest.raises(DatasetError, match="bits is 12"):
        _open(files, decode, tmp_path, bits=12)
    with pytest.raises(DatasetError, match="empty"):
        _open([], decode, tmp_path)


def test_descriptions():
    one = describe_decode(Compose([ReadImage(1), FitSquare(64, "pad")]))
    assert one == describe_decode(Compose([ReadImage(1), FitSquare(64, "pad")]))
    others = {describe_decode(Compose([ReadImage(channels), FitSquare(size, mode)]))
              for channels, size, mode in [(1, 64, "crop"), (1, 32, "pad"), (3, 64, "pad")]}  # fmt: skip
    assert len(others | {one}) == 4
    with pytest.raises(DatasetError, match="does not show all its settings"):
        describe_decode(lambda path: path)
    with pytest.raises(DatasetError, match="is random"):
        describe_decode(Compose([ReadImage(1), RandFlip(0.5)]))
