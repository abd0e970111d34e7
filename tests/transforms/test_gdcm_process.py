from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import JPEGLosslessSV1

from monai_mocoi.transforms import ImageReadError, gdcm_process, read_image
from monai_mocoi.transforms import dicom as dicom_module
from monai_mocoi.transforms.gdcm_process import GdcmProcess
from tests.transforms.dicom_files import dataset, save

gdcm = pytest.importorskip("gdcm")


def jpeg_lossless(path, ds):
    """Compress with GDCM: no other library here writes JPEG Lossless."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(save(path, ds)))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetFileName(str(path))
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert dcmread(path).file_meta.TransferSyntaxUID == JPEGLosslessSV1
    return path


@pytest.fixture
def process():
    process = GdcmProcess()
    yield process
    process.close()


def request(ds):
    return str(ds.file_meta.TransferSyntaxUID), ds.PixelData, 0, dicom_module._pixel_module(ds)


def noise(high, shape, dtype):
    return np.random.default_rng(0).integers(0, high, shape, endpoint=True).astype(dtype)


@pytest.mark.parametrize(
    ("shape", "dtype", "bits", "photometric"),
    [
        ((32, 20), np.uint8, 8, "MONOCHROME2"),
        ((32, 20), np.uint16, 12, "MONOCHROME1"),
        ((32, 20), np.uint16, 16, "MONOCHROME2"),
        ((32, 20, 3), np.uint8, 8, "RGB"),
    ],
)
def test_jpeg_lossless_equals_the_uncompressed_file(tmp_path, shape, dtype, bits, photometric):
    ds = dataset(noise(2**bits - 1, shape, dtype), bits, photometric)
    path = jpeg_lossless(tmp_path / "c.dcm", ds)
    np.testing.assert_array_equal(read_image(path), read_image(save(tmp_path / "u.dcm", ds)))


def test_damage_is_an_error_and_the_next_file_is_read(tmp_path):
    path = jpeg_lossless(tmp_path / "x.dcm", dataset(noise(255, (32, 20), np.uint8)))
    whole = path.read_bytes()
    start = whole.index(b"\xff\xc3")
    for at in range(start, start + 12):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with contextlib.suppress(ImageReadError):
            assert read_image(path).shape == (1, 32, 20)
    path.write_bytes(whole)
    assert read_image(path).shape == (1, 32, 20)


def test_too_little_memory_in_the_child_is_no_damage(tmp_path, process, monkeypatch):
    pixels = noise(255, (32, 20), np.uint8)
    path = jpeg_lossless(tmp_path / "x.dcm", dataset(pixels))
    code = (
        "import sys; sys.path[:] = {!r}; import pydicom.pixels; from monai_mocoi.transforms.gdcm_process import serve\n"
        "def get_decoder(syntax): raise MemoryError\n"
        "pydicom.pixels.get_decoder = get_decoder; serve()"
    )
    start = gdcm_process._start
    monkeypatch.setattr(dicom_module, "_GDCM", process)
    monkeypatch.setattr(
        gdcm_process,
        "_start",
        lambda: subprocess.Popen([sys.executable, "-c", code.format(sys.path)], stdin=-1, stdout=-1),
    )
    with pytest.raises(MemoryError, match="too little memory to decode"):
        read_image(path)
    monkeypatch.setattr(gdcm_process, "_start", start)
    np.testing.assert_array_equal(read_image(path)[0], pixels / np.float32(255))


def test_an_answer_that_was_not_taken_is_not_the_next_ones(tmp_path, process, monkeypatch):
    first, second = (
        request(dcmread(jpeg_lossless(tmp_path / f"{n}.dcm", dataset(np.full((8, 8), n, np.uint8))))) for n in (1, 2)
    )

    def too_large(stream):
        raise MemoryError

    with monkeypatch.context() as small:
        small.setattr(gdcm_process, "_receive", too_large)
        with pytest.raises(MemoryError):
            process.decode(*first)
    assert (process.decode(*second)[0] == 2).all()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs POSIX signals")
def test_a_child_that_dies_is_an_error_and_is_replaced(tmp_path, process):
    pixels = noise(255, (32, 20), np.uint8)
    ds = dcmread(jpeg_lossless(tmp_path / "x.dcm", dataset(pixels)))
    np.testing.assert_array_equal(process.decode(*request(ds))[0], pixels)
    os.kill(process._child.pid, signal.SIGSTOP)  # it now neither answers nor ends
    process._seconds = 0.2
    with pytest.raises(RuntimeError, match="ended its process"):
        process.decode(*request(ds))
    process._seconds = 60
    np.testing.assert_array_equal(process.decode(*request(ds))[0], pixels)


def test_a_forked_process_starts_its_own_child(tmp_path, process):
    pixels = noise(255, (32, 20), np.uint8)
    ds = dcmread(jpeg_lossless(tmp_path / "x.dcm", dataset(pixels)))
    process.decode(*request(ds))
    child = process._child
    process._forget()
    assert process._child is None
    process.decode(*request(ds))
    assert process._child.pid != child.pid
    assert child.poll() is None
    child.kill()
    child.communicate()


def test_threads_get_their_own_pixels(tmp_path, process):
    pictures = [noise(255, (32, 20 + index), np.uint8) for index in range(4)]
    requests = [
        request(dcmread(jpeg_lossless(tmp_path / f"{index}.dcm", dataset(picture))))
        for index, picture in enumerate(pictures)
    ]
    answers = {}

    def ask(index):
        for _ in range(5):
            answers[index] = process.decode(*requests[index])[0]

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, picture in enumerate(pictures):
        np.testing.assert_array_equal(answers[index], picture)
