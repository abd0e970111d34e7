"""Kill a run again and again, continue it each time, and compare it with a run that was left alone.

    python benchmarks/kill_and_resume.py [--kills 10] [--processes 1] [--seed 0] [-- --max_epochs 6 ...]

Runs ``bundles/nih_mse`` on the demo data undisturbed, then once more with ``kill -9`` of all its processes at random
moments of its training, each time continued with ``--resume true``. A kill counts if it hit the training: the command
died of it, and its manifest says "running". If the training has ended before, the kill is told as late, and the
remaining ones go to another run, at earlier moments. At the end the encoder, the heads, every TensorBoard value and the
last checkpoint's network, queue and optimiser of every run must be equal bit for bit. What follows ``--`` is handed on
to all runs; ``-- --max_epochs 2 --image_size 32 --batch_size 16`` is a quick trial.
"""

from __future__ import annotations

import argparse
import json
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

from monai_mocoi.runs.checkpoint_files import checkpoint_files, iteration_of

CONFIGS = Path(__file__).resolve().parents[1] / "bundles" / "nih_mse" / "configs"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("overrides", nargs="*", help="after --: handed on to the runs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return compare(given, Path(folder))


def compare(given: argparse.Namespace, folder: Path) -> int:
    if code := start(given, folder, "undisturbed").wait():
        return failed(folder, "undisturbed", code)
    whole = manifest(folder / "undisturbed")
    print(f"undisturbed: {whole['iterations']} iterations in {whole['seconds']:.0f} s", flush=True)
    moments = random.Random(given.seed)
    hits, late = 0, 0
    while hits < given.kills:
        name = f"killed_{late}"
        share = next_moment(moments, given.kills - hits) / 2**late
        left = 1 - newest(folder / name) / whole["iterations"]
        seconds = share * left * whole["seconds"]
        run = start(given, folder, name)
        if killed(run, folder / name, seconds):
            hits += 1
            at = f"newest checkpoint {newest(folder / name)}"
            print(f"{hits}: {name} killed after {seconds:.1f} s of training, {at}", flush=True)
        elif run.returncode in (0, -signal.SIGKILL):
            late += 1
            print(f"late: {name} had ended before {seconds:.1f} s of training", flush=True)
        else:
            return failed(folder, name, run.returncode)
    expected = outcome(folder / "undisturbed" / "pretrain")
    wrong: list[str] = []
    for name in [f"killed_{number}" for number in range(late + 1)]:
        if code := start(given, folder, name).wait():
            return failed(folder, name, code)
        wrong += differences(expected, outcome(folder / name / "pretrain"), name)
    print(f"{hits} of {given.kills} kills hit the training, {late} more came too late; continued to the end")
    print("different:" if wrong else "equal bit for bit", *wrong[:20], sep="\n  ")
    return 1 if wrong else 0


def next_moment(moments: random.Random, kills: int) -> float:
    """The share of what is left after which the first of so many kills comes, if all come at random moments of it."""
    # Less than the whole: the last kill must come before the end also where this run is quicker than the undisturbed.
    return 0.9 * (1 - moments.random() ** (1 / kills))


def killed(run: subprocess.Popen[bytes], folder: Path, seconds: float) -> bool:
    """Kill all processes of a run when it has trained for so long; whether that hit its training."""
    began = time.time_ns()
    while run.poll() is None and not is_training(folder, began):
        time.sleep(0.02)
    with suppress(subprocess.TimeoutExpired):
        run.wait(seconds)
    if run.poll() is None:
        for process in [run.pid, *below(run.pid)]:  # torchrun's workers are in sessions of their own
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    # Looked at afterwards, for it could have ended in between.
    return run.wait() == -signal.SIGKILL and is_training(folder, began)


def is_training(folder: Path, began: int) -> bool:
    """Whether the manifest was written since ``began`` and says so."""
    with suppress(FileNotFoundError):
        changed = (folder / "pretrain" / "manifest.json").stat().st_mtime_ns
        return changed > began and manifest(folder)["status"] == "running"
    return False


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "pretrain" / "manifest.json").read_text(encoding="utf-8"))


def newest(folder: Path) -> int:
    """The newest checkpoint's iteration; 0 without any."""
    found = checkpoint_files(folder / "pretrain" / "checkpoints")
    return iteration_of(found[0]) if found else 0


def failed(folder: Path, name: str, code: int) -> int:
    """Show how a run failed that should not."""
    print(f"{name}: exit {code}", *(folder / f"{name}.log").read_text().splitlines()[-20:], sep="\n  ")
    return code


def start(given: argparse.Namespace, folder: Path, name: str) -> subprocess.Popen[bytes]:
    """A run in a process group of its own, continued where there is something to continue."""
    configs = [str(CONFIGS / "train.json")]
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
                # The first value of each session comes twice: before it stands the same with its sentence.
                described = value.metadata.summary_description and value.metadata.plugin_data.plugin_name != "text"
                if not value.tag.startswith("speed/") and not described:
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
