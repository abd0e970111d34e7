"""What the online probes of a run cost, as a share of its training.

    python benchmarks/online_probes.py [--bundle bch_moco] [--dataset demo] [--steps 8] [-- --image_size 32 ...]

Runs the bundle's ``train.json``: the probe before the first epoch, and some steps; then it stops. Both are measured by
the time that this process computes, which other work on the machine hardly changes. What follows ``--`` are settings.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import monai
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow

from monai_mocoi.handlers import OnlineProbes

BUNDLES = Path(__file__).resolve().parents[1] / "bundles"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="bch_moco")
    parser.add_argument("--dataset", default="demo")
    parser.add_argument("--steps", type=int, default=8)
    given, settings = parser.parse_known_args()
    words = [word for word in settings if word != "--"]
    pairs = zip(words[::2], words[1::2], strict=True)
    overrides = {name.removeprefix("--"): _number(value) for name, value in pairs}
    with tempfile.TemporaryDirectory() as folder:
        measure(given.bundle, given.dataset, given.steps, {**overrides, "output_dir": folder})
    versions = f"torch {torch.__version__}, MONAI {monai.__version__}"
    print(f"{platform.machine()}, {torch.get_num_threads()} thread(s), {versions}")


def measure(bundle: str, dataset: str, steps: int, overrides: dict[str, Any]) -> None:
    """Print what a probe and the training cost."""
    workflow = ConfigWorkflow(
        config_file=[str(BUNDLES / bundle / "configs" / "train.json")],
        workflow_type="train",
        logging_file=False,
        dataset_dir=dataset,
        **overrides,
    )
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")
    probes: OnlineProbes = workflow.parser.get_parsed_content("online_probes")
    marks: list[float] = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: marks.append(time.process_time()))
    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=steps + 1), trainer.terminate)
    probe, spent = probes._probe, []

    def timed(engine: Any, epoch: int) -> dict[str, float]:
        start = time.process_time()
        values = probe(engine, epoch)
        spent.append(time.process_time() - start)
        return values

    probes._probe = timed  # type: ignore[method-assign]
    trainer.run()
    workflow.finalize()
    if probes.images is None:
        raise SystemExit("nothing was probed: see the line above")
    images = len(probes.images.training) + len(probes.images.validation)
    step = (marks[-1] - marks[0]) / (len(marks) - 1)
    epochs = trainer.state.max_epochs
    times = 1 + -(-epochs // probes.every)
    training = epochs * trainer.state.epoch_length * step
    print(f"a probe of {images} images: {spent[0]:.1f} s; a step of {probes.batch_size} images: {step:.2f} s")
    print(f"training on an image costs as much as probing {step / probes.batch_size / (spent[0] / images):.1f}")
    print(f"{times} probes in {epochs} epochs: {times * spent[0] / training:.1%} of the training")


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
