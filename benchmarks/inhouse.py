"""Files a second of ``data_prep inhouse``, with de-identification and resizing, and its memory by the number of files.

    python -m benchmarks.inhouse                     # 1,000 uncompressed 12-bit DICOM files of 2 megapixels
    python -m benchmarks.inhouse --syntax rle --files 200
    python -m benchmarks.inhouse --memory            # 1,000 and 10,000 small ones: highest memory of each

The files are phantoms of the demo data with their resolution raised and noise added, in a temporary folder (4 GB for
1,000 uncompressed ones); two images a patient, with a table of labels. Printed are the seconds by the clock, and the
seconds of processor time: on a machine that does other work too, files a second of an idle one are nearer to
files / processor time x cores.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from monai_mocoi.data.datalist import load_datalist
from monai_mocoi.demo.generate import generate_demo
from monai_mocoi.transforms.reader import read_image

ROWS, COLUMNS, BITS = 1600, 1250, 12
SMALL = 64
SYNTAXES = {"none": None, "rle": RLELossless, "j2k": JPEG2000Lossless}


def phantoms(folder: Path) -> list[Image.Image]:
    generate_demo(folder, modality="chest", patients=20, seed=0)
    items = load_datalist(folder).training[:40]
    return [Image.fromarray((read_image(item["image"], 1)[0] * 255).astype(np.uint8)) for item in items]


def write_file(path: Path, phantom: Image.Image, number: int, rows: int, columns: int, syntax: str) -> None:
    random = np.random.default_rng(number)
    grey = np.asarray(phantom.resize((columns, rows), Image.Resampling.BICUBIC), np.float32) / 255
    # Another exposure for each file, and noise as of counted photons.
    grey = np.roll(grey, int(random.integers(columns // 8)), axis=1) * random.uniform(0.6, 0.9) + 0.05
    noise = random.standard_normal(grey.shape, np.float32) * np.sqrt(grey) * 0.01
    top = 2**BITS - 1
    pixels = np.clip((grey + noise) * top, 0, top).astype(np.uint16)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.AccessionNumber = f"1.2.4.{number // 2}", f"A{number // 2:07d}"
    ds.PatientID, ds.PatientName = f"MRN{number // 2:07d}", f"Nobody^Number{number // 2}"
    ds.StudyDate, ds.Modality, ds.BodyPartExamined, ds.ViewPosition = "20200102", "DX", "CHEST", "PA"
    ds.ImageType, ds.Manufacturer = ["ORIGINAL", "PRIMARY"], ("AGFA", "FUJIFILM", "Philips")[number % 3]
    ds.PatientAge, ds.PatientSex = f"{20 + number % 70:03d}Y", "FM"[number % 2]
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = rows, columns, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, BITS, BITS - 1, 0
    ds.WindowCenter, ds.WindowWidth = str(2 ** (BITS - 1)), str(2**BITS)
    ds.PixelData = pixels.tobytes()
    if uid := SYNTAXES[syntax]:
        ds.compress(uid, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)


def write_export(root: Path, files: int, rows: int, columns: int, syntax: str) -> None:
    (root / "export").mkdir()
    shown = phantoms(root / "phantoms")
    for number in range(files):
        folder = root / "export" / f"P{number // 2:06d}"
        folder.mkdir(exist_ok=True)
        write_file(folder / f"IM{number % 2}", shown[number % len(shown)], number, rows, columns, syntax)
    lines = [f"A{number:07d};{'yes' if number % 3 else 'no'}" for number in range((files + 1) // 2)]
    (root / "labels.csv").write_text("\n".join(["Accession;finding", *lines]))


def measure(root: Path, size: int, workers: int) -> tuple[float, float, float]:
    """Prepare the export in a process of its own.

    Returns:
        seconds by the clock, seconds of processor time, and the highest resident memory in MB.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    words = ["inhouse", "--images", root / "export", "--private", root / "private", "--out", root / "out"]
    words += ["--labels", root / "labels.csv", "--label-columns", "finding", "--size", size, "--workers", workers]
    script = (
        "import resource, sys\n"
        "from data_prep.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        "print('highest', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
        "sys.exit(code)"
    )
    environment = {**os.environ, "MONAI_MOCOI_CACHE": str(root / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, words)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, float(done.stdout.rstrip().rpartition(" ")[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--syntax", choices=SYNTAXES, default="none")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="1,000 and 10,000 small files")
    args = parser.parse_args()
    print(
        f"Python {platform.python_version()}, pydicom {pydicom.__version__}, NumPy {np.__version__}, "
        f"{args.workers} workers"
    )
    for files, rows, columns in (
        [(1000, SMALL, SMALL), (10_000, SMALL, SMALL)] if args.memory else [(args.files, ROWS, COLUMNS)]
    ):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write_export(root, files, rows, columns, args.syntax)
            seconds, used, memory = measure(root, args.size, args.workers)
        print(
            f"{files} files of {rows} x {columns}, {args.syntax}: {seconds:.1f} s, {files / seconds:.1f} files/s; "
            f"{used:.1f} s of processor time, {files / used:.1f} files a second of it; highest memory {memory:.0f} MB"
        )


if __name__ == "__main__":
    main()
