"""Processor time and memory of a preparation, by the number of its files.

    python -m benchmarks.preparation_memory 1000 10000

Makes so many patches of 32 x 32 pixels in a temporary folder and prepares them by ``data_prep bch`` with two threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

PATCHES_EACH = 20


def main() -> None:
    for number in map(int, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as temporary:
            raw = Path(temporary) / "raw"
            raw.mkdir()
            random = np.random.default_rng(0)
            for place in range(number):
                name = f"{8000 + place // PATCHES_EACH}_idx5_x{place}_y1_class{place % 2}.png"
                Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(raw / name)
            command = [sys.executable, "-m", "data_prep", "bch", "--images", str(raw), "--workers", "2"]
            process = subprocess.Popen(
                [*command, "--out", str(Path(temporary) / "out")],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "MONAI_MOCOI_CACHE": temporary},
            )
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(f"data_prep ended with {os.waitstatus_to_exitcode(status)}")
            seconds = usage.ru_utime + usage.ru_stime
            unit = 1024 if sys.platform != "darwin" else 1024**2
            print(f"{number} files: {seconds:.1f} s of processor time, {usage.ru_maxrss / unit:.0f} MB")


if __name__ == "__main__":
    main()
