"""Kill a study again and again, give the same command each time, and compare its report with an undisturbed study's.

    python -m benchmarks.study_kills [--kills 5] [--engine snakemake]

A small study of the demo data (3 arms, linear evaluation and fine-tuning, 2 fractions) is run undisturbed, and once
more with ``kill -9`` at moments that are spread over its steps: in turns of all its processes, as when a machine goes
down, and of the driver alone, whose step goes on. At the end the tables of both reports must be equal, except the time
that was spent. Snakemake must be installed for ``--engine snakemake``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

from benchmarks.kill_and_resume import below
from benchmarks.machine import machine, versions

STUDY = """\
name: kills
output_dir: study
architecture: resnet18
datasets:
  - {id: chest, modality: nih, dataset_dir: demo}
arms: [random, moco, mse]
evaluations: [linear, finetune]
analyses: [probing]
fractions: [1.0, 0.5]
label_seeds: [1]
primary: {dataset: chest, evaluation: linear, fraction: 1.0, arm: mse, against: moco}
settings:
  train: {image_size: 32, batch_size: 16, max_epochs: 2, queue_size: 64, probe_every: 1, checkpoint_every: 2}
  finetune: {image_size: 32, max_epochs: 2}
  evaluate: {resamples: 200}
  analyze: {image_size: 32, resamples: 100}
resources: {cores: 2}
"""
TIMES = ("compute",)
"""Tables of the time that was spent."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--engine", choices=["snakemake"])
    given = parser.parse_args()
    words = [] if given.engine is None else ["--engine", given.engine, "--", "--cores", "2"]
    print(machine(), versions(), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        whole, killed = Path(temporary, "whole"), Path(temporary, "killed")
        for folder in (whole, killed):
            folder.mkdir()
            (folder / "study.yaml").write_text(STUDY)
            mocoi(folder, "study", "plan", "study.yaml")
        began = time.perf_counter()
        mocoi(whole, "study", "run", "study", *words)
        print(f"undisturbed: {time.perf_counter() - began:.0f} s", flush=True)
        steps = done_steps(whole)
        for number in range(given.kills):
            run = started(killed, "study", "run", "study", *words)
            # Some seconds into a step, another number each time: at its start, in its middle, at its end.
            while run.poll() is None and done_steps(killed) < steps * (number + 1) // (given.kills + 1):
                time.sleep(0.2)
            with suppress(subprocess.TimeoutExpired):
                run.wait(2 * number)
            if run.poll() is not None:
                print(f"kill {number + 1} came too late: the study had ended with {run.returncode}")
                return 1
            alone = number % 2 == 1
            for process in [run.pid] if alone else [run.pid, *below(run.pid)]:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            run.wait()
            whom = "the driver" if alone else "all processes"
            print(f"kill {number + 1} of {whom}: {done_steps(killed)} of {steps} steps done", flush=True)
        mocoi(killed, "study", "run", "study", *words)
        for folder in (whole, killed):
            mocoi(folder, "report", "study")
        wrong = list(differences(whole / "study" / "report" / "tables", killed / "study" / "report" / "tables"))
    print("different:" if wrong else "the same tables", *wrong[:20], sep="\n  ")
    return 1 if wrong else 0


def done_steps(folder: Path) -> int:
    """How many steps have a done marker."""
    return len(list((folder / "study" / "done").glob("*.json")))


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """The command ``mocoi`` in a folder."""
    log = open(folder / "log.txt", "ab")  # noqa: SIM115 - the child writes to it
    return subprocess.Popen([sys.executable, "-m", "monai_mocoi", *words], cwd=folder, stdout=log, stderr=log)


def mocoi(folder: Path, *words: str) -> None:
    """The same to its end, which must be a good one."""
    if code := started(folder, *words).wait():
        raise SystemExit(f"mocoi {' '.join(words)}: exit {code}\n{(folder / 'log.txt').read_text()[-3000:]}")


def differences(one: Path, two: Path) -> Iterator[str]:
    """Where two folders of tables differ."""
    names = {path.name for folder in (one, two) for path in folder.glob("*.csv") if path.stem not in TIMES}
    if not names:
        yield "there are no tables"
    for name in sorted(names):
        texts = [path.read_text().splitlines() if (path := folder / name).is_file() else [] for folder in (one, two)]
        for number, (a, b) in enumerate(zip_longest(*texts)):
            if a != b:
                yield f"{name}, line {number + 1}: {a!r} and {b!r}"


if __name__ == "__main__":
    sys.exit(main())
