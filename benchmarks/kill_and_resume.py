"""Kill a run again and again, continue it each time, and compare it with a run that was left alone.

    python benchmarks/kill_and_resume.py [--kills 10] [--processes 1] [--seed 0] [-- --max_epochs 6 ...]

Runs ``bundles/nih_mse`` on the demo data undisturbed, then once more with ``kill -9`` of all its processes at random
moments of the time that the first run took, each time continued with ``--resume true``. At the end the encoder, the
heads, every TensorBoard value and the last checkpoint's network, queue and optimiser must be equal bit for bit. What
follows ``--`` is handed on to both runs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

CONFIGS = Path(__file__).resolve().parents[1] / "bundles" / "nih_mse" / "configs"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("overrides", nargs="*", help="after --: handed on to the runs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        code = start(given, Path(folder), "undisturbed").wait()
        whole = time.monotonic() - began
        print(f"undisturbed: exit {code} after {whole:.0f} s", flush=True)
        if code:
            return code
        moments = random.Random(given.seed)
        for number in range(given.kills):
            run = start(given, Path(folder), "killed")
            # A moment of the first part of what is left, so that there is something left to kill.
            seconds = moments.uniform(0.05, 1.5 / given.kills + 0.1) * whole
            time.sleep(seconds)
            ended = run.poll()
            for process in [run.pid, *below(run.pid)]:  # torchrun's workers are in sessions of their own
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            run.wait()
            found = sorted((Path(folder) / "killed" / "pretrain" / "checkpoints").glob("*.pt"))
            state = f"ended by itself with {ended}" if ended is not None else "killed"
            print(f"{number + 1}: {state} after {seconds:.1f} s, newest checkpoint {found[-1].stem if found else None}")
            sys.stdout.flush()
        code = start(given, Path(folder), "killed").wait()
        print(f"continued to the end: exit {code}", flush=True)
        wrong = list(differences(*(outcome(Path(folder) / name / "pretrain") for name in ("undisturbed", "killed"))))
    print("different:" if wrong else "equal bit for bit", *wrong[:20], sep="\n  ")
    return 1 if wrong or code else 0


def start(given: argparse.Namespace, folder: Path, name: str) -> subprocess.Popen[bytes]:
    """A run in a process group of its own, continued where there is something to continue."""
    configs = [str(CONFIGS / "train.json")] + ([str(CONFIGS / "multi_gpu_train.json")] if given.processes > 1 else [])
    command = [sys.executable, "-m"]
    if given.processes > 1:
        command += ["torch.distributed.run", "--standalone", "--nproc_per_node", str(given.processes), "-m"]
    command += ["monai_mocoi", "run", *configs, "--output_dir", str(folder / name), "--resume", "true"]
    log = open(folder / f"{name}.log", "ab")  # noqa: SIM115 - the child writes to it
    return subprocess.Popen([*command, *given.overrides], stdout=log, stderr=log, start_new_session=True)


def below(process: int) -> list[int]:
    """The process ids of the children, their children, and so on (Linux)."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    children = parents.get(process, [])
    return children + [other for child in children for other in below(child)]


def outcome(folder: Path) -> dict[str, Any]:
    last = torch.load(sorted((folder / "checkpoints").glob("*.pt"))[-1], weights_only=True)
    values: dict[str, list[bytes]] = {}
    for file in sorted((folder / "tensorboard").iterdir()):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                if not value.tag.startswith("speed/"):
                    values.setdefault(f"{value.tag} {event.step}", []).append(value.tensor.SerializeToString())
    return {
        "encoder": torch.load(folder / "encoder.pt", weights_only=True),
        "heads": torch.load(folder / "heads.pt", weights_only=True),
        "values": values,
        **{name: last[name] for name in ("network", "optimizer", "iteration")},
    }


def differences(one: Any, two: Any, where: str = "") -> Iterator[str]:
    """Where two nested values differ."""
    if isinstance(one, dict):
        if one.keys() != two.keys():
            yield f"{where}: only in one: {sorted(one.keys() ^ two.keys())[:5]}"
        for key in one.keys() & two.keys():
            yield from differences(one[key], two[key], f"{where}/{key}")
    elif isinstance(one, list):
        if len(one) != len(two):
            yield f"{where}: {len(one)} and {len(two)} entries"
        for number, (a, b) in enumerate(zip(one, two, strict=False)):
            yield from differences(a, b, f"{where}/{number}")
    elif not (torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two):
        yield where


if __name__ == "__main__":
    sys.exit(main())
