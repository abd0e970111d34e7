from __future__ import annotations

import contextlib
import errno
import json
import multiprocessing
import os
import pickle
import re
import shutil
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import Compose, RandFlip
from PIL import Image

from monai_mocoi import exit_codes
from monai_mocoi.data import DecodedCache, decoded_file
from monai_mocoi.data.decode import ImageList
from monai_mocoi.data.decode_errors import too_many
from monai_mocoi.data.describe import decode_key
from monai_mocoi.errors import CacheFullError, DatasetError, ImageDecodeError
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.transforms import FitSquare, ReadImage
from monai_mocoi.transforms.rounding import dequantise
from tests.data.dataset_folders import picture, save
from tests.transforms.dicom_files import write


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


def _cached(files, decode, cache_dir, **options):
    return DecodedCache(ImageList(files, decode, **options), cache_dir, progress=False)


def _open(files, decode, tmp_path, **options):
    return _cached(files, decode, tmp_path / "cache", **options)


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
    assert torch.equal(dequantise(cache.images.decoded(2)), cache[2])


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


def test_files_of_one_size_and_time_that_change_places(decode, tmp_path):
    # Uncompressed pictures of one format are all of one size, and archives keep times.
    files = [str(save(tmp_path / f"{name}.tiff", picture(i))) for i, name in enumerate("ab")]
    for file in files:
        os.utime(file, ns=(5, 5))
    assert os.path.getsize(files[0]) == os.path.getsize(files[1])
    before = _open(files, decode, tmp_path)
    assert decode.calls == 3  # the first one twice, for the shape
    a, b = before[0], before[1]
    os.rename(files[0], tmp_path / "c")
    os.rename(files[1], files[0])
    os.rename(tmp_path / "c", files[1])
    after = _open(files, decode, tmp_path)
    assert torch.equal(after[0], b)
    assert torch.equal(after[1], a)
    assert not torch.equal(a, b)


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


def test_a_damaged_row_is_decoded_again_and_mended_in_its_place(files, decode, tmp_path):
    cache = _open(files, decode, tmp_path)
    before, whole = cache[3], cache.file.read_bytes()
    raw = bytearray(cache.file.read_bytes())
    raw[-30] ^= 1  # in the last row
    cache.file.write_bytes(raw)
    damaged = _open(files, decode, tmp_path)
    with pytest.warns(UserWarning, match="damaged"):
        assert torch.equal(damaged[4], ReadImage(1)(files[4]))
    assert torch.equal(damaged[3], before)
    assert cache.file.read_bytes() == whole
    calls = decode.calls
    assert torch.equal(damaged[4], ReadImage(1)(files[4]))
    assert torch.equal(_open(files, decode, tmp_path)[4], ReadImage(1)(files[4]))
    assert decode.calls == calls, "one row is decoded, and not the whole cache"


def test_a_row_whose_checksum_is_damaged_lets_the_cache_be_made_anew(files, decode, tmp_path):
    cache = _open(files, decode, tmp_path)
    index = json.loads(cache.file.with_suffix(".json").read_text())
    index["crc32"][2] ^= 1
    cache.file.with_suffix(".json").write_text(json.dumps(index))
    damaged = _open(files, decode, tmp_path)
    with pytest.warns(UserWarning, match="damaged"):
        assert torch.equal(damaged[2], ReadImage(1)(files[2]))
    calls = decode.calls
    again = _open(files, decode, tmp_path)
    assert decode.calls >= calls + 5
    assert torch.equal(again[2], ReadImage(1)(files[2]))


@pytest.mark.parametrize("other", ["is making it anew", "has made it anew"])
def test_a_damaged_row_leaves_the_cache_of_another_process_alone(files, decode, tmp_path, other):
    cache = _open(files, decode, tmp_path)
    raw = bytearray(cache.file.read_bytes())
    raw[-30] ^= 1  # in the last row
    cache.file.write_bytes(raw)
    damaged = _open(files, decode, tmp_path)
    index = cache.file.with_suffix(".json")
    with contextlib.ExitStack() as stack:
        if other == "has made it anew":
            index.unlink()
            _open(files, decode, tmp_path)
        else:
            stack.enter_context(file_lock(cache.file.with_suffix(".lock")))
        with pytest.warns(UserWarning, match="damaged"):
            assert torch.equal(damaged[4], ReadImage(1)(files[4]))
    assert index.exists()


def test_a_damaged_cache_that_cannot_be_written_is_still_read(files, decode, tmp_path):
    damaged = _open(files, decode, tmp_path)
    raw = bytearray(damaged.file.read_bytes())
    raw[-30] ^= 1
    damaged.file.write_bytes(raw)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").touch()  # now neither the lock nor anything else can be made there
    with pytest.warns(UserWarning, match="damaged"):
        assert torch.equal(damaged[4], ReadImage(1)(files[4]))


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
        DatasetError, match=r"1 of 5 images cannot be read:\n  image 1 \(images/1\.png\): .*unknown kind"
    ) as error:
        _open(files, decode, tmp_path, names=names)
    assert error.value.exit_code == exit_codes.DATA
    assert "secret" not in str(error.value)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def _damage(*paths: str) -> None:
    for path in paths:
        Path(path).write_bytes(Path(path).read_bytes()[:-40])


@pytest.mark.parametrize("damaged", [[0], [2], [4], [0, 1], [3, 4]])
def test_a_share_may_be_unreadable(files, decode, tmp_path, damaged):
    expected = [ReadImage(1)(path) for path in files]
    _damage(*(files[i] for i in damaged))
    cache = _open(files, decode, tmp_path, max_bad_share=0.4)
    assert list(cache.bad) == damaged
    assert all("damaged" in reason for reason in cache.bad.values())
    for i in range(5):
        if i in damaged:
            with pytest.raises(ImageDecodeError, match=f"^image {i}: .*damaged"):
                cache[i]
        else:
            assert torch.equal(cache[i], expected[i])


def test_the_unreadable_ones_are_remembered(files, decode, tmp_path):
    _damage(files[3])
    first = _open(files, decode, tmp_path, max_bad_share=0.2)
    calls = decode.calls
    again = _open(files, decode, tmp_path, max_bad_share=0.2)
    assert decode.calls == calls + 1  # the bad one is tried again, the others are not
    assert again.bad == first.bad == {3: first.bad[3]}
    assert torch.equal(again[4], first[4])
    index = json.loads(first.file.with_suffix(".json").read_text())
    assert index["bad"] == [[3, first.bad[3]]]
    with pytest.raises(DatasetError) as late:
        _open(files, decode, tmp_path)
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(DatasetError) as fresh:
        _open(files, decode, tmp_path)
    assert str(late.value) == str(fresh.value)
    assert "1 of 5 images cannot be read:\n  image 3: " in str(fresh.value)


def test_too_many_unreadable_images_are_counted(files, decode, tmp_path):
    _damage(files[3], files[1])
    text = (
        r"2 of 5 images \(40 %\) cannot be read; on_bad_image is skip, but max_bad_share is 0\.2 \(20 %\):"
        r"\n  image 1: .*\n  image 3: .*\nRepair"
    )
    with pytest.raises(DatasetError, match=text):
        _open(files, decode, tmp_path, max_bad_share=0.2)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]
    _open(files, decode, tmp_path, max_bad_share=0.4)
    with pytest.raises(DatasetError, match=text):  # from the cache that was made meanwhile
        _open(files, decode, tmp_path, max_bad_share=0.2)


def test_no_readable_image_is_an_error_whatever_the_share(files, decode, tmp_path):
    _damage(*files)
    with pytest.raises(DatasetError, match="5 of 5 images cannot be read, so none is left"):
        _open(files, decode, tmp_path, max_bad_share=1)


def test_hopeless_cases_end_early(tmp_path, decode, monkeypatch):
    monkeypatch.setattr("monai_mocoi.data.parallel.usable_cpus", lambda: 1)
    files = [str(save(tmp_path / f"{i}.png", picture(0, size=4))) for i in range(200)]
    _damage(*files[1:])
    with pytest.raises(DatasetError, match=r"20 or more of 200 images \(at least 10 %\)(.|\n)*\n  \.\.\.\n"):
        _open(files, decode, tmp_path, max_bad_share=0.01)
    assert decode.calls < 40
    _damage(files[0])
    with pytest.raises(DatasetError, match="20 or more of 200 images cannot be read"):
        _open(files, decode, tmp_path)
    assert decode.calls < 60


def test_the_share_is_exact():
    for total in range(1, 300):
        for bad in range(1, total):
            assert not too_many(bad, total, bad / total)
            assert too_many(bad + 1, total, bad / total)
    assert not too_many(7, 100, 0.07)
    assert not too_many(0, 5, 0)
    assert too_many(1, 5, 0)
    assert too_many(1, 5, None)


def test_a_repaired_file_is_seen(files, decode, tmp_path):
    whole = Path(files[1]).read_bytes()
    _damage(files[1])
    assert list(_open(files, decode, tmp_path, max_bad_share=0.2).bad) == [1]
    Path(files[1]).write_bytes(whole)
    mended = _open(files, decode, tmp_path, max_bad_share=0.2)
    assert mended.bad == {}
    assert torch.equal(mended[1], ReadImage(1)(files[1]))


@dataclass(frozen=True)
class Locked(Decode):
    """A file whose rights are missing while the file ``lock`` is there: neither size nor time of change shows it."""

    lock: str = ""

    def __call__(self, path: str) -> torch.Tensor:
        if path.endswith("2.png") and Path(self.lock).exists():
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return super().__call__(path)


def test_mended_rights_are_seen(files, tmp_path):
    lock = tmp_path / "locked"
    lock.touch()
    decode = Locked(str(tmp_path / "log"), lock=str(lock))
    first = _open(files, decode, tmp_path, max_bad_share=0.2)
    assert first.bad == {2: "Permission denied"}
    lock.unlink()
    mended = _open(files, decode, tmp_path)
    assert mended.key == first.key
    assert mended.bad == {}
    assert torch.equal(mended[2], ReadImage(1)(files[2]))


def test_a_cache_that_another_process_mended_meanwhile_is_kept(files, tmp_path, monkeypatch):
    lock = tmp_path / "locked"
    lock.touch()
    decode = Locked(str(tmp_path / "log"), lock=str(lock))
    _open(files, decode, tmp_path, max_bad_share=0.2)
    lock.unlink()
    readable, made = DecodedCache._readable, []

    def after_another(cache, index):
        if not made:
            made.append(0)
            made.append(_open(files, decode, tmp_path).file.stat().st_ino)
        return readable(cache, index)

    monkeypatch.setattr(DecodedCache, "_readable", after_another)
    cache = _open(files, decode, tmp_path, max_bad_share=0.2)
    assert cache.bad == {}
    assert cache.file.stat().st_ino == made[1]


@pytest.mark.parametrize("bad", [None, [[7, "x"]], [["1", "x"]], [[1, 2]], [[[1], "x"]], 5])
def test_a_list_of_unreadable_ones_that_makes_no_sense_is_made_anew(files, decode, tmp_path, bad):
    cache = _open(files, decode, tmp_path)
    file = cache.file.with_suffix(".json")
    index = json.loads(file.read_text())
    if bad is None:
        del index["bad"]
    else:
        index["bad"] = bad
    file.write_text(json.dumps(index))
    calls = decode.calls
    assert _open(files, decode, tmp_path).bad == {}
    assert decode.calls > calls
    assert json.loads(file.read_text())["bad"] == []


@pytest.mark.parametrize("what", ["removed", "replaced", "unreadable"])
def test_a_damaged_row_whose_file_has_changed_is_an_error(files, tmp_path, what):
    lock = tmp_path / "locked"
    decode = Locked(str(tmp_path / "log"), lock=str(lock))
    cache = _open(files, decode, tmp_path, max_bad_share=1.0)
    raw = bytearray(cache.file.read_bytes())
    raw[-1000] ^= 1  # in row 3
    raw[-1400] ^= 1  # in row 2
    cache.file.write_bytes(raw)
    damaged = _open(files, decode, tmp_path, max_bad_share=1.0)
    if what == "removed":
        Path(files[3]).unlink()
    elif what == "replaced":
        save(Path(files[3]), picture(99, size=25))
    else:
        lock.touch()
    row = 2 if what == "unreadable" else 3
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(DatasetError, match=f"^image {row}: .*it changed during the run") as error,
    ):
        damaged[row]
    assert "secret" not in str(error.value)


def test_compose_hides_neither_the_reason_nor_the_fault(files, tmp_path):
    # MONAI's Compose makes a RuntimeError of what a step raises.
    _damage(files[1])
    chain = Compose([ReadImage(1), FitSquare(8)])
    cache = _open(files, chain, tmp_path, max_bad_share=0.2)
    assert list(cache.bad) == [1]
    assert "damaged" in cache.bad[1]
    with pytest.raises(RuntimeError, match="applying transform") as error:
        ImageList(files, Compose([len, len])).decoded(0)  # a mistake in the chain is no bad image
    assert not isinstance(error.value, DatasetError)


def _raising(error):
    def raises(*_):
        raise error

    return raises


@pytest.mark.parametrize("composed", [False, True])
@pytest.mark.parametrize(
    ("fault", "expected", "text"),
    [
        (MemoryError(), MemoryError, "image 0: there is too little memory"),
        (OSError(errno.ENOMEM, "x"), MemoryError, "image 0: there is too little memory"),
        (OSError(errno.ENOSPC, "x"), DatasetError, "image 0: No space left on device. This is the machine's fault"),
        (OSError(errno.EMFILE, "x"), DatasetError, "image 0: Too many open files. This is the machine's fault"),
    ],
)
def test_the_machines_faults_are_not_the_images(files, tmp_path, monkeypatch, fault, expected, text, composed):
    # Raised where the reader makes an ImageReadError of whatever comes.
    monkeypatch.setattr(Image, "open", lambda *_, **__: _raising(fault)())
    decode = Compose([ReadImage(1)]) if composed else ReadImage(1)
    with pytest.raises(expected, match=text) as error:
        _open(files, decode, tmp_path, max_bad_share=1.0)
    assert not isinstance(error.value, ImageDecodeError)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_reasons_hold_no_path(files, tmp_path):
    @dataclass(frozen=True)
    class Chatty:
        def __call__(self, path: str) -> torch.Tensor:
            if path == files[2]:
                raise ValueError(f"no picture in {path} ({os.path.basename(path)})")
            return ReadImage(1)(path)

    cache = _open(files, Chatty(), tmp_path, max_bad_share=0.5)
    assert cache.bad == {2: "no picture in the file (the file)"}
    for path in (tmp_path / "cache").iterdir():
        assert b"secret" not in path.read_bytes()


def _open_with_limit(files, decode, folder, limit):
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        _cached(files, decode, folder, max_bad_share=0.5)
    except CacheFullError as error:
        return str(error), error.exit_code
    return "", 0


def test_a_real_limit_of_the_system_leaves_nothing(files, decode, tmp_path):
    pytest.importorskip("resource")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        text, code = pool.apply(_open_with_limit, (files, decode, tmp_path / "cache", 2000))  # it needs 3,008 bytes
    assert "no more room for the cache of decoded images (File too large)" in text
    assert "MONAI_MOCOI_CACHE" in text
    assert "secret" not in text
    assert code == exit_codes.DISK_FULL
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("place", ["pictures", "index"])
def test_no_half_file_is_left_when_the_disk_fails(files, decode, tmp_path, monkeypatch, place, number):
    if place == "pictures":
        monkeypatch.setattr(os, "fsync", _raising(OSError(number, os.strerror(number), "secret")))
    else:
        monkeypatch.setattr(
            decoded_file,
            "write_json",
            lambda *arguments, **_: _raising(OSError(number, os.strerror(number), "secret"))(),
        )
    with pytest.raises(DatasetError, match=os.strerror(number)) as error:
        _open(files, decode, tmp_path, max_bad_share=0.5)
    assert error.value.exit_code == (exit_codes.DISK_FULL if number == errno.ENOSPC else exit_codes.DATA)
    assert "secret" not in str(error.value)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]
    monkeypatch.undo()
    assert torch.equal(_open(files, decode, tmp_path)[4], ReadImage(1)(files[4]))


def test_different_shapes(files, decode, tmp_path):
    save(Path(files[4]), picture(4, size=20))
    with pytest.raises(DatasetError, match=r"image 4: its decoded shape is \(1, 20, 20\).*\(1, 24, 24\)"):
        _open(files, decode, tmp_path, max_bad_share=1.0)  # the setting of decode is at fault, not the image


def test_missing_file(files, decode, tmp_path):
    Path(files[2]).unlink()
    with pytest.raises(DatasetError, match=r"1 of 5 images cannot be read:\n  image 2: .*does not exist"):
        _open(files, decode, tmp_path)
    skipped = _open(files, decode, tmp_path, max_bad_share=0.2)
    assert skipped.bad == {2: "the image file does not exist"}
    save(Path(files[2]), picture(2))
    assert _open(files, decode, tmp_path).bad == {}


def test_too_little_disk_is_said_before_the_work(files, decode, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 2000))
    with pytest.raises(CacheFullError, match=r"needs 0\.00 MiB.*0\.00 MiB free.*MONAI_MOCOI_CACHE"):
        _open(files, decode, tmp_path)
    assert decode.calls == 1


def test_its_size_is_announced_before_the_work(files, decode, tmp_path, caplog):
    with caplog.at_level("INFO"):
        _open(files, decode, tmp_path)
        _open(files, decode, tmp_path)
    assert re.fullmatch(
        r"Decoding 5 images once; the cache will take 0\.00 MiB, of [0-9.]+ GiB that are free\.", caplog.messages[0]
    )
    assert len(caplog.messages) == 1


def test_wrong_arguments(files, decode, tmp_path):
    with pytest.raises(DatasetError, match="bits is 12"):
        _open(files, decode, tmp_path, bits=12)
    with pytest.raises(DatasetError, match="empty"):
        _open([], decode, tmp_path)


def test_the_key_is_that_of_all_settings():
    def key(decode, bits=8):
        return decode_key(decode, bits, [b"file"])

    one = key(Compose([ReadImage(1), FitSquare(64, "pad")]))
    assert one == key(Compose([ReadImage(1), FitSquare(64, "pad")]))
    settings = [(1, 64, "crop"), (1, 32, "pad"), (3, 64, "pad")]
    others = {key(Compose([ReadImage(channels), FitSquare(size, mode)])) for channels, size, mode in settings}
    assert len(others | {one, key(Compose([ReadImage(1), FitSquare(64, "pad")]), 16)}) == 5
    with pytest.raises(DatasetError, match="does not show what it does"):
        key(lambda path: path)
    with pytest.raises(DatasetError, match="is random"):
        key(Compose([ReadImage(1), RandFlip(0.5)]))


def test_windows_that_were_ignored_are_counted_without_names(tmp_path, caplog):
    paths = []
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)
    for number in range(5):
        fields = {"WindowCenter": 100, "WindowWidth": 0 if number in (1, 3) else 300}
        paths.append(str(write(tmp_path / f"Doe{number}.dcm", pixels, **fields)))
    (tmp_path / "Doe4.dcm").write_bytes(b"")
    _open(
        paths, Compose([ReadImage(1), FitSquare(8)]), tmp_path, names=[f"Doe{n}" for n in range(5)], max_bad_share=0.5
    )
    (message,) = caplog.messages
    assert message.startswith("2 of 4 pictures have a DICOM window")
    caplog.clear()
    _open([paths[0]], ReadImage(1), tmp_path, max_bad_share=0.5)
    assert caplog.messages == []
