"""Start-up of the commands, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

from benchmarks.bundle_run import BUNDLES
from benchmarks.figures import Figure, Row
from benchmarks.options import Options
from benchmarks.timing import take_turns

TRAIN = str(BUNDLES / "nih_mse" / "configs" / "train.json")
CHECKED = "$monai_mocoi.runs.check_settings(@settings)"
COMMANDS = {
    "`mocoi --help`": (["-m", "monai_mocoi", "--help"], 0),
    "`mocoi run`, an argument error": (["-m", "monai_mocoi", "run", "nih_mse/train", "--batch_size", "0"], 2),
    "`data_prep --help`": (["-m", "data_prep", "--help"], 0),
}
"""Python's arguments, and the exit code that they end with."""
IMPORT = ["-c", "import monai"]
BUNDLE_RUN = [
    *("-m", "monai.bundle", "run", "--config_file", TRAIN),
    *("--initialize", f'["{CHECKED}"]', "--run", "[]", "--finalize", "[]"),
]
"""A config read, its imports made and its settings checked, but nothing trained."""
LIMIT = 0.5


def measure(options: Options) -> Iterator[Row]:
    sides = {name: process(words, code, options) for name, (words, code) in COMMANDS.items()}
    sides |= {"import": process(IMPORT, 0, options), "bundle": process(BUNDLE_RUN, 0, options)}
    seconds = take_turns(sides, options.rounds, warm_up=not options.quick)
    for name in COMMANDS:
        yield Row(name, {"seconds": Figure(tuple(seconds[name]), at_most=LIMIT)})
    yield Row("`import monai` alone", {"seconds": Figure(tuple(seconds["import"]))})
    more = tuple(a - b for a, b in zip(seconds["bundle"], seconds["import"], strict=True))
    figures = {
        "seconds": Figure(tuple(seconds["bundle"])),
        "more than `import monai`, seconds": Figure(more, at_most=LIMIT),
    }
    yield Row("`monai.bundle run` of `train.json` up to its checked settings", figures)


def process(words: list[str], code: int, options: Options) -> Callable[[], None]:
    """What runs Python with these arguments, to an end with this exit code."""

    def run() -> None:
        done = subprocess.run([sys.executable, *words], cwd=options.folder, capture_output=True, text=True, check=False)
        if done.returncode != code:
            raise RuntimeError(f"{' '.join(words[:3])} ended with {done.returncode}, not {code}: {done.stderr[-2000:]}")

    return run
