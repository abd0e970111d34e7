"""Measure how fast the package is, and against what: see benchmarks/README.md.

python -m benchmarks                       # everything, to runs/benchmarks/
python -m benchmarks --only step loop
python -m benchmarks --only views --out benchmarks/results
python -m benchmarks --report              # docs/performance.md from benchmarks/results/
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Row
from benchmarks.options import SHIM, Options, shim_of_the_environment
from benchmarks.performance import PAGE, RESULTS, page, table
from benchmarks.registry import MEASUREMENTS, Measurement


def main(words: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    arguments = parsed(words)
    if arguments.report:
        PAGE.write_text(page(RESULTS), encoding="utf-8")
        print(f"Written: {PAGE}")
        return 0
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    for measurement in MEASUREMENTS:
        if arguments.only and measurement.name not in arguments.only:
            continue
        saved = measured(measurement, arguments)
        (out / f"{measurement.name}.json").write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
        (out / "performance.md").write_text(page(out), encoding="utf-8")  # after each: a later one may fail
    print(f"Written: {out / 'performance.md'}, and a JSON file of each measurement beside it")
    return 0


def measured(measurement: Measurement, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one measurement, print its table, and return what is saved of it."""
    from benchmarks.machine import load, machine, versions  # torch, which `--report` does without

    print(f"\n## {measurement.title}\n", flush=True)
    begun = load()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Path(folder), arguments.quick, arguments.rounds, arguments.seed, arguments.torchvision_shim)
        for row in measurement.measure(options):
            rows.append(row)
            print(f"... {row.case}", file=sys.stderr, flush=True)
            gc.collect()  # trainers lie in cycles, with their networks: the next case needs the memory
    print(*table(rows), sep="\n", flush=True)
    return {
        "name": measurement.name,
        "command": f"python -m benchmarks --only {measurement.name}" + (" --quick" if arguments.quick else ""),
        "quick": arguments.quick,
        "rounds": arguments.rounds,
        "seed": arguments.seed,
        "load": begun,
        "machine": machine(),
        "versions": versions(),
        "rows": [row.to_json() for row in rows],
    }


def parsed(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    names = [measurement.name for measurement in MEASUREMENTS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=f"some of: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="the smallest form, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder of the results (%(default)s)")
    parser.add_argument("--rounds", type=int, help="turns of each side (5; quick: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of pictures, weights and draws (%(default)s)")
    parser.add_argument(
        "--torchvision-shim", type=Path, default=shim_of_the_environment(), metavar="FILE",
        help=f"a Python file to import before lightly, where torchvision has no build for this torch (${SHIM})",
    )  # fmt: skip
    parser.add_argument("--report", action="store_true", help="write docs/performance.md from benchmarks/results/")
    arguments = parser.parse_args(words)
    if arguments.rounds is None:
        arguments.rounds = 1 if arguments.quick else 5
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}; give 1 or more.")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
