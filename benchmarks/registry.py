"""The measurements, in the order in which they are run and told. Each is a module with ``measure(options)``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from benchmarks.figures import Row
from benchmarks.options import Options


@dataclass(frozen=True)
class Measurement:
    """A measurement.

    Args:
        name: of its module in ``benchmarks/measurements/``, and of its files.
        title: its heading.
        about: what is compared with what; a paragraph of Markdown.
    """

    name: str
    title: str
    about: str

    def measure(self, options: Options) -> Iterator[Row]:
        """Run it; rows come as they are measured."""
        yield from import_module(f"benchmarks.measurements.{self.name}").measure(options)


MEASUREMENTS = (
    Measurement(
        "step",
        "Training step",
        "The network alone: two views that lie on the device, no loader, no handlers. *plain* is the same method "
        "written out in PyTorch (`benchmarks/plain_moco.py`), with the same precision, memory format and BatchNorm "
        "parts. Seconds of ours / plain; below 1 ours is faster. ResNet-50, one channel.",
    ),
    Measurement(
        "methods",
        "Cost of the methods",
        "Seconds of a step, as above, of `mse` and of `barlow` / seconds of a step of `moco`.",
    ),
    Measurement(
        "loop",
        "The whole training loop",
        "*loop* is the trainer of `train.json` on cached images, with its loader, views and handlers, in whole epochs "
        "from their start to their last iteration, without validation, and without the checkpoint and probes after it. "
        "*network* is the same trainer on views that lie on the device, without handlers. loop / network is a ratio of "
        "images per second: 1 means that loader, views and handlers cost nothing.",
    ),
    Measurement(
        "gpu",
        "The loop on a GPU",
        "The same of `nih_moco` on a GPU, with 4 workers of the loader, and its views drawn on the device or by "
        "the workers (`views_on`).",
    ),
    Measurement(
        "lightly",
        "Against lightly",
        "The loop of `nih_moco` on cached images, and the MoCo v2 example of lightly (its transform, head, loss, "
        "moving average and loader), with the same network, batch and images, each side with its own recipe of views. "
        "*defaults*: precision and memory format as each side has them; *best settings*: lightly's loop in the "
        "precision and memory format of ours, with a fused optimiser and decoded pictures in memory.",
    ),
    Measurement(
        "views",
        "Random views",
        "Views per second of one core's processor time, from the memory-mapped cache to batches of two views: the "
        "loader of a bundle, and a loader of the same recipe in Pillow from arrays in memory. The recipes are read "
        "from the bundles: *paper* is `paper.json`, *ours* is `train.json`; grey is `nih_mse`, colour is `bch_mse`.",
    ),
    Measurement(
        "parts",
        "Single steps of a view",
        "Processor time of one blur (sigma 0.1 to 2) and of one rotation (30 degrees) of one image, always applied: "
        "ours, and MONAI's `RandGaussianSmooth` and `RandRotate` without metadata (`set_track_meta(False)`).",
    ),
    Measurement(
        "loader",
        "Reading images",
        "Images per second of one core's processor time. *views from*: batches of two views (recipe of `nih_mse`, "
        "224 px), decoded anew for each epoch, or from the cache, against Pillow (and pydicom) with the same recipe. "
        "*into the cache*: decode, scale and resize once, against Pillow (and pydicom), which keep nothing.",
    ),
    Measurement(
        "memory",
        "Memory of the loop",
        "Highest resident memory of a process that trains by `train.json` on the CPU, and of one that only steps the "
        "network on views in memory, which includes Python, the packages, network, activations, queue, and what the "
        "allocator keeps from step to step (`monai_mocoi/runs/kept_memory.py`). With a GPU, "
        "also the highest memory that PyTorch allocated there.",
    ),
    Measurement(
        "processes",
        "Several processes",
        "The loop of `nih_moco` by `torchrun` with gloo, each process with one thread, on the same images.",
    ),
    Measurement(
        "startup",
        "Start-up",
        "Seconds by the clock of whole commands, in processes of their own.",
    ),
    Measurement(
        "study",
        "Plan and report of a study",
        "`mocoi study plan` of a thousand steps, and `mocoi report` of 210 tests, whose numbers are drawn, of 22,433 "
        "images of 2,797 patients with 14 findings (the size of NIH's test set), in processes of their own.",
    ),
    Measurement(
        "bootstrap",
        "Patient bootstrap",
        "Macro AUC of 14 classes over 2,000 resamples of patients, drawing included, against a loop over "
        "scikit-learn's `roc_auc_score` (a few resamples, scaled; repeated rows or weights, whichever is faster), on "
        "one thread.",
    ),
    Measurement(
        "evaluation",
        "Evaluation of a classifier",
        "`evaluate_predictions` with 2,000 resamples, 14 classes, with percentile and with BCa intervals.",
    ),
    Measurement(
        "cka",
        "Feature reuse (CKA)",
        "Four stages by four with null and intervals, against the plain products of the same features in NumPy, which "
        "give the 16 values alone.",
    ),
)
