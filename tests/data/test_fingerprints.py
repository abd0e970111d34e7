from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image

from monai_mocoi.data import fingerprints
from monai_mocoi.data.fingerprint import fingerprint
from monai_mocoi.data.fingerprints import dataset_fingerprints, keep_fingerprints
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.file_signature import file_signature
from monai_mocoi.transforms import read_image
from tests.data.dataset_folders import picture, save


def _prints(pixels: np.ndarray) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Digest and both descriptors of an 8-bit picture (H, W) or (H, W, 3)."""
    array = pixels.astype(np.float32) / np.float32(255)
    digest, descriptors = fingerprint(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))
    assert descriptors.shape == (2, 256)
    return digest, *descriptors.astype(np.float64)


def _print(pixels: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Digest and descriptor of the whole."""
    return _prints(pixels)[:2]


def _smooth(number: int, size: int = 128) -> np.ndarray:
    """A picture with detail at the scale of the descriptor, like anatomy."""
    noise = np.random.default_rng(number).integers(0, 256, (12, 12), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC))


def test_descriptor_against_a_naive_one():
    pixels = picture(3, 32).astype(float)
    small = pixels.reshape(16, 2, 16, 2).mean((1, 3))
    detail = np.zeros((16, 16))
    for r in range(16):
        for c in range(16):
            rows = [min(max(r + d, 0), 15) for d in (-1, 0, 1)]
            columns = [min(max(c + d, 0), 15) for d in (-1, 0, 1)]
            detail[r, c] = small[r, c] - small[np.ix_(rows, columns)].mean()
    detail -= detail.mean()
    expected = (detail / np.sqrt((detail**2).sum())).ravel()
    np.testing.assert_allclose(_print(picture(3, 32))[1], expected, atol=2e-4)


def test_the_second_descriptor_is_that_of_the_middle():
    pixels = picture(3, 48)
    np.testing.assert_allclose(_prints(pixels)[2], _print(pixels[8:40, 8:40])[1], atol=1e-3)


def test_strangers_with_the_same_outline_differ_in_the_middle():
    y, x = np.mgrid[:160, :160] + 0.5
    inside = np.hypot(x - 80, y - 80) < 79
    eyes = [np.where(inside, 100 + _smooth(i, 160) / 24, 0).astype(np.uint8) for i in range(20)]
    whole, middle = (np.array([_prints(eye)[k] for eye in eyes]) for k in (1, 2))
    strangers = ~np.eye(20, dtype=bool)
    assert (whole @ whole.T)[strangers].min() > 0.97
    assert (middle @ middle.T)[strangers].max() < 0.7
    for eye, own in zip(eyes, middle, strict=True):
        copy = Image.fromarray(eye).resize((80, 80), Image.Resampling.BILINEAR)
        assert _prints(np.asarray(copy))[2] @ own > 0.95


def test_digest_is_of_the_picture_not_of_the_file(tmp_path):
    pixels = picture(1)
    rgb = np.repeat(pixels[..., None], 3, axis=2)
    files = [
        save(tmp_path / "a.png", pixels),
        save(tmp_path / "b.tiff", pixels),
        save(tmp_path / "c.png", rgb),
        save(tmp_path / "d.png", pixels.astype(np.uint16) * 257),  # 16 bit
    ]
    assert len({fingerprint(read_image(file))[0] for file in files}) == 1
    other = pixels.copy()
    other[5, 5] ^= 1
    tinted = rgb.copy()
    tinted[5, 5, 0] ^= 1
    shape = pixels.reshape(12, 48)
    assert len({_print(array)[0] for array in (pixels, other, tinted, shape, pixels.T)}) == 5


def test_descriptor_finds_altered_copies_and_not_strangers():
    original = Image.fromarray(_smooth(0))
    jpeg = io.BytesIO()
    original.save(jpeg, "JPEG", quality=40)
    copies = {
        "smaller": original.resize((64, 64), Image.Resampling.BILINEAR),
        "stretched": original.resize((100, 150), Image.Resampling.BILINEAR),
        "jpeg": Image.open(jpeg),
        "darker": original.point(lambda v: v * 0.6),
        "less contrast": original.point(lambda v: 60 + v * 0.5),
    }
    reference = _print(np.asarray(original))[1]
    for name, copy in copies.items():
        assert reference @ _print(np.asarray(copy))[1] > 0.97, name
    strangers = np.array([_print(_smooth(i))[1] for i in range(1, 200)])
    assert (strangers @ reference).max() < 0.7


def test_a_flat_picture_is_near_to_nothing():
    assert (_print(np.full((32, 32), 90))[1] == 0).all()
    barely = np.full((64, 64), 90)
    barely[10, 10] = 91
    assert (_print(barely)[1] == 0).all()


@pytest.fixture
def files(tmp_path):
    return [str(save(tmp_path / f"images/secret{i}.png", picture(i))) for i in range(6)]


@pytest.fixture
def reads(monkeypatch, tmp_path):
    calls = []

    def counted(path):
        calls.append(os.path.basename(path))
        return read_image(path)

    monkeypatch.setattr(fingerprints, "read_image", counted)
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    return calls


def _of(files, tmp_path):
    names = [os.path.basename(file) for file in files]
    return dataset_fingerprints(tmp_path, files, names, progress=False)


def test_only_new_and_changed_files_are_read(files, reads, tmp_path):
    first = _of(files[:5], tmp_path)
    assert len(reads) == 5
    for row, file in zip(range(5), files, strict=False):
        digest, descriptors = fingerprint(read_image(file))
        assert bytes(first.digests[row]) == digest
        np.testing.assert_array_equal(first.descriptors[row], descriptors)
    reads.clear()
    save(tmp_path / "images/secret2.png", picture(50))
    second = _of(files[::-1], tmp_path)
    assert sorted(reads) == ["secret2.png", "secret5.png"]
    np.testing.assert_array_equal(second.digests[[5, 4, 2, 1]], first.digests[[0, 1, 3, 4]])
    assert (second.digests[3] != first.digests[2]).any()
    reads.clear()
    _of(files, tmp_path)
    assert reads == []


def test_a_damaged_store_is_made_anew(files, reads, tmp_path):
    first = _of(files, tmp_path)
    (store,) = (tmp_path / "cache/fingerprints").glob("*.npz")
    raw = bytearray(store.read_bytes())
    raw[len(raw) // 2] ^= 1
    for content in (bytes(raw), raw[:100], b""):
        store.write_bytes(content)
        reads.clear()
        again = _of(files, tmp_path)
        assert len(reads) == 6
        np.testing.assert_array_equal(again.descriptors, first.descriptors)


def test_what_was_read_before_an_error_is_kept(files, reads, tmp_path):
    (tmp_path / "images/secret5.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"1 image\(s\) cannot be read(.|\n)*secret5\.png: ") as error:
        _of(files, tmp_path)
    assert str(tmp_path) not in str(error.value)
    save(tmp_path / "images/secret5.png", picture(5))
    reads.clear()
    _of(files, tmp_path)
    assert reads == ["secret5.png"]


def test_what_is_known_already_is_kept_and_not_read(files, reads, tmp_path):
    expected = _of(files, tmp_path / "other")
    reads.clear()
    prints = {file_signature(path): fingerprint(read_image(path)) for path in files}
    known = list(prints)
    stores = set((tmp_path / "cache").rglob("*"))
    keep_fingerprints(tmp_path, {})
    assert set((tmp_path / "cache").rglob("*")) == stores
    for part in (known[:2], known[2:]):  # the second call adds to the first
        keep_fingerprints(tmp_path, {signature: prints[signature] for signature in part})
    kept = _of(files, tmp_path)
    assert reads == []
    np.testing.assert_array_equal(kept.digests, expected.digests)
    np.testing.assert_array_equal(kept.descriptors, expected.descriptors)


def test_no_names_in_the_store(files, reads, tmp_path):
    _of(files, tmp_path)
    for path in (tmp_path / "cache/fingerprints").iterdir():
        assert b"secret" not in path.read_bytes()


def test_a_missing_file(files, tmp_path):
    os.unlink(files[0])
    with pytest.raises(DatasetError, match=r"^secret0\.png cannot be read"):
        _of(files, tmp_path)
