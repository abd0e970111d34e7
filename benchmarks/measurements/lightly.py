"""Our MoCo loop against the loop of lightly's MoCo v2 example, where lightly is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import torch
from ignite.engine import Events

from benchmarks.bundle_run import EpochSeconds, built, content, settings, silent, small_network
from benchmarks.figures import Row, per_second, ratio
from benchmarks.lightly_loop import LightlyLoop
from benchmarks.options import SHIM, Options
from benchmarks.pictures import png_dataset, training_files
from benchmarks.plain_moco import SMALL, Shape

CASE = (224, 32, 4)
"""Pixels, images a batch, and batches an epoch."""
QUICK = (32, 8, 2)
LIMITS = {"defaults": 3.0, "best settings": 1.2}


def measure(options: Options) -> Iterator[Row]:
    size, batch, batches = options.choose(CASE, QUICK)
    if reason := why_not(options.shim):
        for name in LIMITS:
            yield Row(f"{name}, {size} px, batch {batch}", skipped=reason)
        return
    batches *= 20 if torch.cuda.is_available() else 1
    dataset = png_dataset(options.folder / "dataset", batches * batch, size * 8 // 7, 3, options.seed)
    shape = options.choose(Shape(), SMALL)
    for name, at_least in LIMITS.items():
        torch.manual_seed(options.seed)
        more = {"channels": 3, "max_epochs": options.rounds + 1} | options.choose({}, small_network("nih_moco"))
        workflow = built("nih_moco", dataset, options.folder / name.split()[0], settings(size, batch, **more))
        with silent():
            workflow.initialize()
            trainer = content(workflow, "train#trainer")
            theirs = LightlyLoop(training_files(dataset), size, batch, trainer, shape, name == "best settings")
            ours = EpochSeconds(trainer)
            trainer.add_event_handler(Events.EPOCH_COMPLETED, theirs.epoch)
            trainer.run()
            workflow.finalize()
        own, other = ours.values[1:], theirs.seconds[1:]  # the first warmed up
        yield Row(
            f"{name} (lightly {metadata.version('lightly')}), {size} px, batch {batch}",
            {
                "ours, images/s": per_second(batches * batch, own),
                "lightly, images/s": per_second(batches * batch, other),
                "ours / lightly": ratio(other, own, at_least=at_least),
            },
        )


def why_not(shim: Path | None) -> str:
    """Why lightly cannot be measured; empty: it can."""
    if importlib.util.find_spec("lightly") is None:
        return "lightly is not installed (pip install lightly)"
    try:
        if shim is not None:
            run_file(shim)
        import lightly.loss
        import lightly.transforms  # noqa: F401
    except Exception as error:  # of torchvision too: RuntimeError, AttributeError
        return f"lightly cannot be imported ({type(error).__name__}); a file to import before it: {SHIM}"
    return ""


def run_file(file: Path) -> None:
    """Import a Python file by its path, once."""
    if "torchvision_shim_of_the_benchmarks" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location("torchvision_shim_of_the_benchmarks", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[spec.name] = module
