"""From pretraining to intervals on demo data: every bundle with its defaults, and what all labels give.

    python -m benchmarks.demo_chains run --output runs/demo_chains [--bundles bch_mse dr_mse ...] [--seeds 1 2]
    python -m benchmarks.demo_chains table --output runs/demo_chains

For each bundle: ``train.json``, ``finetune.json`` and ``evaluate.json``, one after the other, by MONAI's command and
with defaults only (fine-tuning then takes 10 % of the labels). For each kind of images also the supervised run on all
labels, and its test. Another seed is for pretraining and fine-tuning; the images and the drawn labels stay the same.
``run`` appends a line to ``results.jsonl`` in the output folder for each chain that has come to its end, and leaves
out those that stand there; ``table`` prints the tables of ``benchmarks/demo_chains.md``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import monai
import torch

BUNDLES = Path(__file__).resolve().parents[1] / "bundles"
CHAIN = ("train", "finetune", "evaluate")
SUPERVISED = {"pretrained": "none", "label_fraction": "1.0"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("--output", type=Path, required=True)
    names = sorted(path.name for path in BUNDLES.glob("*_*"))
    parser.add_argument("--bundles", nargs="+", choices=names, default=names)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--without-supervised", action="store_true", help="leave out the runs on all labels")
    given = parser.parse_args()
    results = given.output / "results.jsonl"
    if given.what == "table":
        print(tables([json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]))
        return 0
    given.output.mkdir(parents=True, exist_ok=True)
    done = {json.loads(line)["name"] for line in results.read_text().splitlines()} if results.exists() else set()
    for bundle, seed in itertools.product(given.bundles, given.seeds):
        runs = {bundle: chain}
        if not given.without_supervised:
            runs[f"{bundle.split('_')[0]} supervised"] = supervised
        for what, run in runs.items():
            name = what if seed == 1 else f"{what} seed {seed}"
            if name not in done:
                output = given.output / name.replace(" ", "_")
                shutil.rmtree(output, ignore_errors=True)  # of a chain cut short
                line = {"name": name, **run(bundle, output, {"seed": str(seed)})}
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
                print(line, flush=True)
                done.add(name)
    return 0


def chain(bundle: str, output: Path, seed: dict[str, str]) -> dict[str, Any]:
    """Pretrain, fine-tune and test with defaults; return the seconds of each and the test's macro metrics."""
    seconds = {}
    for step in CHAIN:
        seconds[step] = command(bundle, step, {"output_dir": str(output), **({} if step == "evaluate" else seed)})
    return {"seconds": seconds, **tested(output)}


def supervised(bundle: str, output: Path, seed: dict[str, str]) -> dict[str, Any]:
    """Train on all labels from random weights, and test."""
    seconds = {"finetune": command(bundle, "finetune", {"output_dir": str(output), **SUPERVISED, **seed})}
    (run,) = output.glob("finetune-*")
    seconds["evaluate"] = command(bundle, "evaluate", {"run_dir": str(run)})
    return {"seconds": seconds, **tested(output)}


def command(bundle: str, step: str, settings: dict[str, str]) -> float:
    config = BUNDLES / bundle / "configs" / f"{step}.json"
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(config), *words],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{bundle} {step}.json ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    return time.perf_counter() - start


def tested(output: Path) -> dict[str, Any]:
    (metrics,) = output.glob("finetune-*/evaluation-test/metrics.json")
    report = json.loads(metrics.read_text(encoding="utf-8"))
    return {"images": report["images"], "patients": report["patients"], "overall": report["overall"]}


def tables(lines: list[dict[str, Any]]) -> str:
    chains = sorted((line for line in lines if "supervised" not in line["name"]), key=lambda line: line["name"])
    whole = sorted((line for line in lines if "supervised" in line["name"]), key=lambda line: line["name"])
    rows = [
        "| Bundle | train.json | finetune.json | evaluate.json | test AUC (95 % interval) |",
        "|---|---|---|---|---|",
    ]
    for line in chains:
        times = " | ".join(f"{line['seconds'][step]:.0f} s" for step in CHAIN)
        rows.append(f"| `{line['name']}` | {times} | {area(line)} |")
    rows += ["", "| Supervised, all labels | finetune.json | test images, patients | test AUC (95 % interval) |"]
    rows += ["|---|---|---|---|"]
    for line in whole:
        rows.append(
            f"| {line['name'].replace(' supervised', '')} | {line['seconds']['finetune']:.0f} s | "
            f"{line['images']}, {line['patients']} | {area(line)} |"
        )
    machine = f"{os.cpu_count()} cores {platform.machine()}, torch {torch.__version__}, MONAI {monai.__version__}"
    return "\n".join([*rows, "", machine])


def area(line: dict[str, Any]) -> str:
    found = line["overall"]["macro_auc"]
    return f"{found['value']:.3f} ({found['interval'][0]:.3f} to {found['interval'][1]:.3f})"


if __name__ == "__main__":
    raise SystemExit(main())
