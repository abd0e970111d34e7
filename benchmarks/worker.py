"""One training in a process of its own, for memory and for several processes: its settings come and go as JSON.

    python -m benchmarks.worker '{"bundle": ..., "dataset": ..., "folder": ..., "overrides": {...}, "overlays": []}'

With ``"network": batches`` the network alone is stepped, so many times. The last line of the output holds the seconds
and images of each epoch, and the highest memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.bundle_run import EpochSeconds, built, content, resident, silent
from benchmarks.machine import peak_mib
from monai_mocoi.distributed import rank
from monai_mocoi.runs.kept_memory import keep_freed_memory


def main() -> None:
    order = json.loads(sys.argv[1])
    overrides = order["overrides"] | (resident(order["network"]) if order.get("network") else {})
    workflow = built(
        order["bundle"], Path(order["dataset"]), Path(order["folder"]), overrides, tuple(order.get("overlays", ()))
    )
    with silent():
        if order.get("network"):
            keep_freed_memory()  # as each run does: what the allocator keeps is the step's, not the loop's
        else:
            workflow.initialize()
        trainer = content(workflow, "train#trainer")
        epochs = EpochSeconds(trainer)
        trainer.run()
        if not order.get("network"):
            workflow.finalize()
    if rank() == 0:
        print(json.dumps({"seconds": epochs.values, **memory()}), flush=True)


def memory() -> dict[str, float]:
    """Highest memory of this process, in MiB: resident, and PyTorch's on the GPU."""
    found = {"resident": peak_mib()}
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.max_memory_allocated() / 2**20
    return found


def ordered(order: dict[str, Any], processes: int = 0, **environment: str) -> dict[str, Any]:
    """Run a worker and return what it says; with ``processes``, so many by torchrun, of which the first answers."""
    words = ["-m", "benchmarks.worker", json.dumps(order)]
    if processes:
        words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), *words]
    paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment}
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a training ended with {done.returncode}: {done.stderr[-4000:]}")
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


if __name__ == "__main__":
    main()
