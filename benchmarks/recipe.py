"""Which settings of ``train.json`` make the encoder better? Trials, each judged by linear evaluation, not by its loss.

    python benchmarks/recipe.py run --trials benchmarks/recipe_trials.json --dataset DIR --results FILE.jsonl
    python benchmarks/recipe.py table --results FILE.jsonl [--dataset DIR]

A trial is a bundle, overrides of its ``train.json`` and a seed: the bundle is run in a process of its own, its encoder
measured, and one line appended to the results. ``max_epochs`` 0 measures the untrained encoder, and ``"pixels": true``
beside the overrides the pixels themselves. Trials that stand there already are left out, so that a long list can be
worked off in parts, and by several of these commands at once.

Linear evaluation here: the pooled features of each stage and the package's logistic regression and grid of penalties
(``monai_mocoi.analysis.PENALTIES``), on the patients of training and validation in five folds by patient, the penalty
chosen by folds within the training folds. (``recipe_results*.jsonl`` were measured with scikit-learn's regression and a
grid of seven penalties.) It tells "any finding" where the labels are findings; of several classes the AUC is the mean
of each against the rest. The images of each group (a CSV of file names and groups, where the data set mixes sources)
are measured apart. The test split is left alone unless ``--test`` is given, which fits on training and validation.
"""

from __future__ import annotations

import argparse
import csv
import fcntl
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

BUNDLES = Path(__file__).resolve().parents[1] / "bundles"
STAGES = (1, 2, 3, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "trial", "table"))
    parser.add_argument("--trials", type=Path, help="JSON list of {name, bundle, overrides, seeds}")
    parser.add_argument("--dataset", type=Path, help="dataset folder")
    parser.add_argument("--groups", type=Path, help="CSV with columns image and group; default: one group")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="folder for the run folders; default: they are thrown away")
    parser.add_argument("--test", action="store_true", help="measure on the test split too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.command == "table":
        print_table(given.results)
    elif given.command == "trial":
        one_trial(given, json.loads(given.one))
    else:
        run_trials(given)


def run_trials(given: argparse.Namespace) -> None:
    trials = json.loads(given.trials.read_text())
    seeds = sorted({seed for trial in trials for seed in trial["seeds"]})
    failed = []
    for seed in seeds:  # all settings once before any twice
        for trial in trials:
            if seed not in trial["seeds"]:
                continue
            one = {k: trial[k] for k in ("name", "bundle", "pixels", "overrides") if k in trial} | {"seed": seed}
            key = f"{one['name']} {seed}"
            if not claimed(given.results, key):
                continue
            command = [sys.executable, __file__, "trial", "--one", json.dumps(one), "--dataset", str(given.dataset)]
            command += ["--results", str(given.results)] + (["--test"] if given.test else [])
            command += ["--groups", str(given.groups)] if given.groups else []
            command += ["--keep", str(given.keep)] if given.keep else []
            if subprocess.run(command, check=False).returncode:
                give_back(given.results, key)
                failed.append(key)
    if failed:
        raise SystemExit(f"these trials failed, and are tried again by the same command: {', '.join(failed)}")


def claimed(results: Path, key: str) -> bool:
    """Whether this process is the first to take the trial on."""
    claims = results.with_suffix(".claims")
    with open(claims, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if key in file.read().splitlines():
            return False
        file.write(key + "\n")
    return True


def give_back(results: Path, key: str) -> None:
    """Let the trial be taken on again."""
    with open(results.with_suffix(".claims"), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        others = [line for line in file.read().splitlines() if line != key]
        file.seek(0)
        file.truncate()
        file.write("".join(f"{line}\n" for line in others))


def one_trial(given: argparse.Namespace, trial: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.keep or Path(temporary)) / f"{trial['name']}-{trial['seed']}".replace(" ", "_")
        began = time.time()
        encoder, watched = pretrained(trial, given.dataset, folder)
        seconds = time.time() - began
        line = {**trial, "seconds": round(seconds), **watched, "auc": measured(encoder, image_settings(trial), given)}
    with open(given.results, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def pretrained(trial: dict[str, Any], dataset: Path, folder: Path) -> tuple[Any, dict[str, float]]:
    """The encoder of a trial, None for the pixels, and its curves' ends."""
    if trial.get("pixels"):
        return None, {}
    from ignite.engine import Events
    from monai.bundle import ConfigWorkflow

    overrides = dict(trial["overrides"])
    untrained = overrides.get("max_epochs") == 0
    if untrained:
        overrides["max_epochs"] = 1
    config = train_config(trial)
    settings = {"dataset_dir": str(dataset), "output_dir": str(folder), "seed": trial["seed"], "overwrite": True}
    workflow = ConfigWorkflow(str(config), workflow_type="train", logging_file=False, **settings, **overrides)
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")
    if untrained:
        return trainer.moco.query_encoder, {}
    curves = defaultdict(list)
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda e: [curves[k].append(v) for k, v in e.state.output.items()]
    )
    workflow.run()
    workflow.finalize()
    names = ("contrastive/relative_loss", "contrastive/top1", "similarity/positive", "similarity/negative")
    watched = {name: round(float(np.mean(curves[name][-20:])), 4) for name in names}
    metrics = workflow.parser.get_parsed_content("validate#evaluator").state.metrics
    watched |= {name: round(metrics[name], 4) for name in ("validation/top1", "validation/relative_loss")}
    return trainer.moco.query_encoder, watched


def train_config(trial: dict[str, Any]) -> Path:
    return BUNDLES / trial["bundle"] / "configs" / "train.json"


def image_settings(trial: dict[str, Any]) -> dict[str, Any]:
    """How the bundle reads and normalises an image."""
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    parser.read_config(str(train_config(trial)))
    parser.update(
        {name: trial["overrides"][name] for name in ("image_size", "resize_mode") if name in trial["overrides"]}
    )
    return {name: parser.get_parsed_content(name) for name in ("channels", "image_size", "resize_mode", "mean", "std")}


def measured(encoder: Any, settings: dict[str, Any], given: argparse.Namespace) -> dict[str, Any]:
    from monai_mocoi.data import load_datalist

    datalist = load_datalist(given.dataset)
    splits = {"cv": [*datalist.training, *datalist.validation], "test": list(datalist.test)}
    group_of = {}
    if given.groups:
        with open(given.groups, newline="") as file:
            group_of = {row["image"]: row["group"] for row in csv.DictReader(file)}
    parts = ["cv", "test"] if given.test else ["cv"]
    items = [item for part in parts for item in splits[part]]
    images = decoded(items, settings)
    features = {"pixels": images.reshape(len(items), -1)} if encoder is None else stages(encoder, images, settings)
    labels = np.array([any(y) if isinstance(y := item["label"], list) else y for item in items], dtype=int)
    patients = np.array([item["patient"] for item in items])
    groups = np.array([group_of.get(Path(item["image"]).name, "all") for item in items])
    fits = np.arange(len(items)) < len(splits["cv"])
    result: dict[str, Any] = {}
    for group in sorted(set(groups)):
        for name, values in features.items():
            rows = groups == group
            kept, own = fits[rows], values[rows] if name != "pixels" else components(values[rows], fits[rows])
            found = {"cv": round(cross_validated(own[kept], labels[rows][kept], patients[rows][kept]), 4)}
            if given.test:
                fit = chosen(own[kept], labels[rows][kept], patients[rows][kept])
                found["test"] = round(tested(fit, own[~kept], labels[rows][~kept]), 4)
            result.setdefault(group, {})[name] = found
    return result


def decoded(items: list[dict[str, Any]], settings: dict[str, Any]) -> np.ndarray:
    """``(n, channels, size, size)`` in 0..1."""
    from monai.transforms import Compose

    from monai_mocoi.data import ImageDataset
    from monai_mocoi.transforms import FitSquare, ReadImage

    fit = FitSquare(size=settings["image_size"], mode=settings["resize_mode"])
    data = ImageDataset(items, Compose([ReadImage(channels=settings["channels"]), fit]), progress=False)
    return np.stack([data[i]["image"].numpy() for i in range(len(data))])


def stages(encoder: Any, images: np.ndarray, settings: dict[str, Any]) -> dict[str, np.ndarray]:
    """The pooled features of each stage."""
    import torch

    encoder = encoder.eval().cpu().float()
    mean, std = (torch.tensor(settings[name]).reshape(-1, 1, 1) for name in ("mean", "std"))
    found = defaultdict(list)
    with torch.no_grad():
        for part in ((torch.from_numpy(images) - mean) / std).split(64):
            for stage, maps in enumerate(encoder(part.contiguous(memory_format=torch.channels_last)).stages, start=1):
                found[f"stage{stage}"].append(maps.mean(dim=(2, 3)))
    return {name: torch.cat(parts).double().numpy() for name, parts in found.items()}


def components(pixels: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """The first 64 principal components of the rows that are fitted on."""
    from sklearn.decomposition import PCA

    return PCA(64, random_state=0).fit(pixels[fits]).transform(pixels)


def linear_fits(values: np.ndarray, labels: np.ndarray, penalties: Sequence[float]) -> Any:
    """The package's logistic regression, on features standardised by these images: a fit for each penalty."""
    from monai_mocoi.analysis import fit_logistic

    return fit_logistic(values, labels, penalties, "multiclass", int(labels.max()) + 1)


def tested(fit: Any, values: np.ndarray, labels: np.ndarray) -> float:
    """AUC: of two classes the second's; of more the mean of each against the rest."""
    from sklearn.metrics import roc_auc_score

    from monai_mocoi.analysis import predict_probabilities

    said = predict_probabilities(values, fit.weight, fit.bias, "multiclass")
    return float(roc_auc_score(labels, said[:, 1] if said.shape[1] == 2 else said, multi_class="ovr"))


def chosen(values: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> Any:
    """A classifier whose penalty, of the grid of every linear evaluation, is chosen by three folds by patient."""
    from monai_mocoi.analysis import PENALTIES

    scores = [
        [tested(fit, values[out], labels[out]) for fit in linear_fits(values[kept], labels[kept], PENALTIES)]
        for kept, out in folds(labels, patients, 3)
    ]
    return linear_fits(values, labels, [PENALTIES[int(np.argmax(np.mean(scores, axis=0)))]])[0]


def folds(labels: np.ndarray, patients: np.ndarray, count: int) -> Any:
    from sklearn.model_selection import StratifiedGroupKFold

    return StratifiedGroupKFold(count, shuffle=True, random_state=0).split(labels, labels, patients)


def cross_validated(values: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> float:
    aucs = [
        tested(chosen(values[kept], labels[kept], patients[kept]), values[out], labels[out])
        for kept, out in folds(labels, patients, 5)
    ]
    return float(np.mean(aucs))


def print_table(results: Path) -> None:
    """One row a setting: means over its seeds, with the standard deviation where there are several."""
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        found[line["name"]].append(line)
    groups = sorted(lines[0]["auc"])
    splits = sorted({split for line in lines for part in line["auc"].values() for f in part.values() for split in f})
    columns = [(group, stage, split) for split in splits for group in groups for stage in ("stage3", "stage4")]
    heads = [f"{group}, {stage}, {split}" for group, stage, split in columns]
    print("| Setting | seeds | " + " | ".join(heads) + " | top-1 | loss / guessing |")
    print("|---" * (len(columns) + 4) + "|")
    for name, trials in found.items():
        cells = []
        for group, stage, split in columns:
            features = [trial["auc"][group] for trial in trials]
            values = [part.get(stage, part.get("pixels", {})).get(split) for part in features]
            cells.append(mean_and_deviation([value for value in values if value is not None]))
        for key in ("validation/top1", "validation/relative_loss"):
            cells.append(mean_and_deviation([trial[key] for trial in trials if key in trial]))
        print(f"| {name} | {len(trials)} | " + " | ".join(cells) + " |")


def mean_and_deviation(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
