"""The plan of a large study, and the report of one as large as NIH ChestX-ray14, whose tests are drawn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, Row
from benchmarks.options import Options

CODE = """\
from benchmarks.machine import peak_mib
from monai_mocoi.cli.app import main
try:
    main()
finally:
    print(peak_mib())
"""
PLAN = """\
name: large
output_dir: large
datasets:
  - {{id: chest, modality: nih, dataset_dir: demo}}
arms: [moco, mse, barlow]
pretrain_seeds: {seeds}
fractions: [1.0, 0.1, 0.06, 0.01]
primary: {{dataset: chest, evaluation: linear, fraction: 0.01, arm: mse, against: moco}}
"""
SEEDS, FEW_SEEDS = 23, 1
"""Pretrainings of an arm: the plan has 45 steps for each of them."""
IMAGES, PATIENTS, FINDINGS = 22_433, 2_797, 14
FEW = {"images": 130, "patients": 60}
REPEATS, FEW_REPEATS = 7, 1
"""Pretrainings of an arm in the report: 30 tests for each."""


def measure(options: Options) -> Iterator[Row]:
    (options.folder / "study.yaml").write_text(PLAN.format(seeds=[*range(options.choose(SEEDS, FEW_SEEDS))]))
    plan, alone = [], []
    for _ in range(options.rounds):
        alone.append(seconds_of(options.folder, ["-c", "import monai"])[0])
        plan.append(seconds_of(options.folder, ["-c", CODE, "study", "plan", "study.yaml"])[0])
    more = tuple(a - b for a, b in zip(plan, alone, strict=True))
    steps = len(json.loads((options.folder / "large" / "plan.json").read_text())["nodes"])
    yield Row(
        f"`mocoi study plan`, {steps:,} steps",
        {"seconds": Figure(tuple(plan)), "more than `import monai`, seconds": Figure(more, at_most=10.0)},
    )
    study = options.folder / "drawn"
    drawn_study(study, options)
    seconds, memory = [], []
    for _ in range(options.rounds):
        took, printed = seconds_of(options.folder, ["-c", CODE, "report", str(study), "--overwrite"])
        seconds.append(took)
        memory.append(float(printed.split()[-1]) / 2**10)
    tests = len(list(study.rglob("predictions.csv")))
    yield Row(
        f"`mocoi report`, {tests} tests",
        {"seconds": Figure(tuple(seconds), at_most=60.0), "resident, GiB": Figure(tuple(memory), at_most=1.0)},
    )


def drawn_study(folder: Path, options: Options) -> None:
    """Tests of three arms, four fractions and three label draws, by the form of real runs; no image is needed."""
    from tests.study_report.synthetic_study import SyntheticStudy

    folder.mkdir()
    size = options.choose({"images": IMAGES, "patients": PATIENTS}, FEW)
    findings = tuple(f"finding {number}" for number in range(options.choose(FINDINGS, 2)))
    seeds = tuple(range(options.choose(REPEATS, FEW_REPEATS)))
    fractions, draws = (0.01, 0.06, 0.1, 1.0), (1, 2, 3)
    SyntheticStudy(folder, **size, fractions=fractions, draws=draws, seeds=seeds, classes=findings).write()


def seconds_of(folder: Path, words: list[str]) -> tuple[float, str]:
    """By the clock, of a process of Python, and what it printed."""
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[2:])} ended with {done.returncode}: {done.stderr[-2000:]}")
    return time.perf_counter() - began, done.stdout
