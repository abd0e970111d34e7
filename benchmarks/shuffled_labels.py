"""What is learnt where there is nothing to learn? Supervised runs on demo data whose labels are dealt out at random.

    python -m benchmarks.shuffled_labels [--seeds 10] [--bundle nih_mse] [-- --image_size 32 --max_epochs 8 ...]

For each seed, the labels of each split change places among its images; then the bundle's ``finetune.json`` (without
pretraining, with all labels) and ``evaluate.json`` run as they would on any data, with the demo's settings, or those
that follow ``--``. Prints the macro AUC of each test, and whether the mean lies within two
standard errors of 0.5: a leak between splits, or a test that looks at what it tests, would lift it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from monai_mocoi.demo import resolve_dataset_dir

BUNDLES = Path(__file__).resolve().parents[1] / "bundles"
DEMO = ["--image_size", "64", "--batch_size", "16", "--max_epochs", "16", "--learning_rate", "0.001"]
"""What ``finetune.json`` takes on demo data; a shuffled copy is no demo data to it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--bundle", default="nih_mse")
    parser.add_argument("overrides", nargs="*", default=DEMO, help="after --: settings of finetune.json")
    given = parser.parse_args()
    configs = BUNDLES / given.bundle / "configs"
    modality = json.loads((configs / "finetune.json").read_text(encoding="utf-8"))["modality"]
    demo = Path(resolve_dataset_dir("demo", modality=modality))
    areas = []
    for seed in range(1, given.seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            areas.append(tested(configs, shuffled(demo, Path(folder), seed), Path(folder), seed, given.overrides))
        print(f"seed {seed}: test macro AUC {areas[-1]:.3f}", flush=True)
    mean, error = statistics.mean(areas), statistics.stdev(areas) / len(areas) ** 0.5
    print(f"mean {mean:.3f}, standard error {error:.3f}, standard deviation {statistics.stdev(areas):.3f}")
    return 0 if abs(mean - 0.5) <= 2 * error else 1


def shuffled(demo: Path, folder: Path, seed: int) -> Path:
    """Copy the data set; in each split, deal the labels out to its images anew."""
    copy = folder / "data"
    shutil.copytree(demo, copy)
    datalist = json.loads((demo / "datalist.json").read_text(encoding="utf-8"))
    generator = np.random.default_rng(seed)
    for split in ("training", "validation", "test"):
        items = datalist[split]
        labels = [items[place]["label"] for place in generator.permutation(len(items))]
        datalist[split] = [{**item, "label": label} for item, label in zip(items, labels, strict=True)]
    (copy / "datalist.json").write_text(json.dumps(datalist), encoding="utf-8")
    return copy


def tested(configs: Path, dataset: Path, folder: Path, seed: int, overrides: list[str]) -> float:
    """Fine-tune from random weights and evaluate; return the macro AUC of the test split."""
    run = {"dataset_dir": str(dataset), "output_dir": str(folder / "run"), "seed": str(seed)}
    command(configs / "finetune.json", run | {"pretrained": "none", "label_fraction": "1.0"}, overrides)
    (classifier,) = (folder / "run").glob("finetune-*")
    command(configs / "evaluate.json", {"dataset_dir": str(dataset), "run_dir": str(classifier)}, [])
    metrics = json.loads((classifier / "evaluation-test" / "metrics.json").read_text(encoding="utf-8"))
    return metrics["overall"]["macro_auc"]["value"]


def command(config: Path, settings: dict[str, str], overrides: list[str]) -> None:
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, "-m", "monai_mocoi", "run", str(config), *words, *overrides], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{config.name} ended with {done.returncode}:\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    raise SystemExit(main())
