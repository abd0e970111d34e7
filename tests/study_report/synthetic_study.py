"""A study that was never run: run folders in the very forms of `mocoi run`, with predictions that are drawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from monai_mocoi.analysis import evaluate_fully, evaluate_predictions
from monai_mocoi.analysis.external import external_report
from monai_mocoi.data import Columns, Predictions, read_predictions, write_predictions
from monai_mocoi.figures.evaluation import METRICS_NAME
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.metrics import UNKNOWN
from monai_mocoi.study import StudyPlan

FINDINGS = ("Effusion", "Mass", "Pneumothorax")
NOT_PRETRAINED = ("supervised", "random", "weights")
SKILL = {"supervised": 0.7, "moco": 1.0, "mse": 1.5, "barlow": 1.1, "random": 0.3, "weights": 0.9}
SHA = hashlib.sha256(b"the data").hexdigest()
ELSEWHERE = hashlib.sha256(b"other data").hexdigest()
FEW = {"resamples": 99, "min_positives": 5, "min_negatives": 5}


def digest(arm: str, seed: int | None) -> str:
    """SHA-256 of an arm's encoder."""
    return hashlib.sha256(f"{arm}{seed}".encode()).hexdigest()


@dataclass
class SyntheticStudy:
    """What is written below ``folder``; ``metrics`` are made once for each arm, because they take time.

    ``unknown``: share of the labels that are not known. ``settings``: words of an arm's pretraining.
    """

    folder: Path
    patients: int = 60
    images: int = 130
    arms: Sequence[str] = ("supervised", "moco", "mse")
    fractions: Sequence[float] = (0.06, 1.0)
    draws: Sequence[int] = (1, 2)
    seeds: Sequence[int] = (0,)
    evaluations: Sequence[str] = ("finetune",)
    sha: str = SHA
    name: str = "NIH ChestX-ray14"
    classes: tuple[str, ...] = FINDINGS
    unknown: float = 0.0
    settings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    _metrics: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, plan: bool = True, dataset: str = "nih") -> SyntheticStudy:
        """All run folders, and the plan."""
        rng = np.random.default_rng(0)
        whose = np.sort(np.r_[np.arange(self.patients), rng.integers(self.patients, size=self.images - self.patients)])
        labels = (rng.random((self.images, len(self.classes))) < 0.3).astype(np.int64)
        shared = rng.standard_normal((self.patients, len(self.classes)))[whose]
        labels[np.random.default_rng(1).random(labels.shape) < self.unknown] = UNKNOWN
        labels[(labels == UNKNOWN).all(axis=1), 0] = 0  # an image without any label is not tested
        for arm in self.arms:
            for seed in [None] if arm == "weights" else self.seeds:  # as the grid of a study
                self._encoder(dataset, arm, seed)
                for evaluation in self.evaluations:
                    if (arm, evaluation) in (("random", "finetune"), ("supervised", "linear")):
                        continue
                    self._runs(dataset, arm, seed, evaluation, (whose, labels, shared))
        if plan:
            self.write_plan(self.plan(dataset))
        return self

    def write_plan(self, plan: StudyPlan) -> None:
        """The plan, and the done markers of all its nodes."""
        plan.write(self.folder / "plan.json")
        for node in plan.nodes:
            (self.folder / node.done).parent.mkdir(exist_ok=True)
            write_json(self.folder / node.done, {"format": 1, "id": node.id, "plan": plan.hash})

    def plan(self, dataset: str = "nih", **changes: Any) -> StudyPlan:
        kinds = {name: name if name in NOT_PRETRAINED else "pretrain" for name in self.arms}
        arms = [
            {
                "id": name,
                "kind": kind,
                "method": name if kind == "pretrain" else None,
                "architecture": "resnet50",
                "weights_sha256": digest(name, None) if kind == "weights" else None,
            }
            for name, kind in kinds.items()
        ]
        evaluation = self.evaluations[0]
        primary = {"dataset": dataset, "evaluation": evaluation, "fraction": min(self.fractions), "arm": "mse"}
        content: dict[str, Any] = {
            "name": "synthetic",
            "metric": {"name": "auc", "label": None},
            "primary": {**primary, "against": "moco"},
            "datasets": [
                {
                    "id": dataset,
                    "modality": "nih",
                    "dataset_dir": "/secret/data/nih",
                    "external_dir": None,
                    "dataset_sha256": self.sha,
                }
            ],
            **{"arms": arms, "fractions": list(self.fractions), "label_seeds": list(self.draws)},
            **{"pretrain_seeds": list(self.seeds), "nodes": self.nodes},
        }
        return StudyPlan.made(**{**content, **changes})

    def _runs(self, dataset: str, arm: str, seed: int | None, evaluation: str, images: tuple[np.ndarray, ...]) -> None:
        place = f"runs/{dataset}/{arm}-resnet50-s{seed or 0}"
        cells = []
        for fraction in self.fractions:
            for draw in self.draws if fraction < 1 else self.draws[:1]:
                run = f"{place}/{evaluation}/f{fraction:g}-l{draw}"
                key = f"{arm} {seed} {fraction} {draw} {evaluation}"
                predictions = self.predictions(*images, SKILL.get(arm, 1) * (0.6 + 0.4 * fraction**0.3), key)
                self._test(run, predictions, arm, seed, fraction, draw, evaluation)
                cells.append(
                    {"folder": run, "evaluation": evaluation, "fraction": fraction, "label_seed": draw, "stage": 4}
                )
        words = ["mocoi", "run", f"nih_{arm}/{evaluation}", "--dataset_dir", "/secret/data/nih"]
        self._node(dataset, arm, seed, evaluation, [words], f"{place}/{evaluation}", cells)

    def predictions(
        self, whose: np.ndarray, labels: np.ndarray, shared: np.ndarray, skill: float, key: str
    ) -> Predictions:
        """Logits of a skill; the patients' part is the same in all runs, so that they are correlated."""
        own = np.random.default_rng(list(key.encode())).standard_normal(labels.shape)
        logits = skill * (2 * labels - 1) + shared + 0.7 * own - 0.8
        names = tuple(f"images/{row:05}.png" for row in range(len(labels)))
        patients = tuple(f"p{own_patient:04}" for own_patient in whose)
        return Predictions(names, patients, self.classes, "multilabel", labels, 1 / (1 + np.exp(-logits)))

    def _test(
        self,
        run: str,
        predictions: Predictions,
        arm: str,
        seed: int | None,
        fraction: float,
        draw: int,
        evaluation: str,
    ) -> None:
        folder = self.folder / run
        folder.mkdir(parents=True)
        write_predictions(folder / "predictions.csv", predictions)
        if arm not in self._metrics:
            sexes: list[Any] = ["F" if int(name[1:]) % 2 else "M" for name in predictions.patients]
            thresholds = dict.fromkeys(self.classes, 0.5)
            columns = Columns({"sex": sexes}, "datalist", 0, 0)
            self._metrics[arm] = evaluate_fully(predictions, thresholds, columns=columns, **FEW)
        started = {"kind": "unknown" if arm == "weights" else "pretraining", "epochs": 4, "iterations": 100}
        start = {"kind": "none"} if arm in ("supervised", "random") else started
        tested = {"method": "supervised" if arm in NOT_PRETRAINED else arm, "stage": 4, "label_fraction": fraction}
        tested["seed"] = seed if arm in ("supervised", "random") else 1
        tested |= {"trainable": "head" if evaluation == "linear" else "all", "label_seed": draw, "start": start}
        random = arm in ("supervised", "random")
        tested |= {"pretrained": "none" if random else "encoder.pt", "dataset_sha256": self.sha}
        tested["pretrained_sha256"] = None if random else digest(arm, seed)
        content = {"format": 1, "split": "test", "dataset_sha256": self.sha, "tested": tested, "skipped_images": []}
        write_json(folder / METRICS_NAME, {**content, **self._metrics[arm], "seed": 0, "python": "3.11"})
        counts = {"images": round(1000 * fraction), "of": 1000, "patients": round(400 * fraction)}
        positives = dict.fromkeys(self.classes, round(300 * fraction))
        held = {"images": round(200 * fraction), "of": 200, "patients": round(80 * fraction), "positives": positives}
        labelled = {"label_fraction": fraction, "label_seed": draw, "training": [], "validation": []}
        labelled["counts"] = {"training": {**counts, "positives": positives}, "validation": held}
        write_json(folder / "labelled.json", {"format": 1, **labelled})
        self._manifest(folder, 60.0)

    def _encoder(self, dataset: str, arm: str, seed: int | None) -> None:
        if arm in NOT_PRETRAINED:
            return
        run = f"runs/{dataset}/{arm}-resnet50-s{seed}/pretrain"
        folder = self.folder / run
        folder.mkdir(parents=True)
        card = {"method": arm, "epochs": 4, "iterations": 100, "dataset": self.name, "dataset_sha256": self.sha}
        write_json(
            folder / "encoder.json", {"format": 1, **card, "relative_loss": {"training": 0.8, "validation": 0.9}}
        )
        self._manifest(folder, 3600.0, epoch_length=25)
        words = ["mocoi", "run", f"nih_{arm}/train", *self.settings.get(arm, ())]
        self._node(dataset, arm, seed, "pretrain", [words], run, [])

    def _manifest(self, folder: Path, seconds: float, **other: Any) -> None:
        content = {"status": "finished", "started": "2026-11-30T04:42:58+00:00", "seconds": seconds, "seed": 1}
        write_json(folder / "manifest.json", {**content, "device": "cpu", "threads": 2, **other})

    def _node(
        self, dataset: str, arm: str, seed: int | None, kind: str, commands: list[list[str]], run: str, cells: list[Any]
    ) -> None:
        name = f"{dataset}.{arm}-resnet50-s{seed or 0}.{kind}"
        pretrained = f"{dataset}.{arm}-resnet50-s{seed or 0}.pretrain"
        inputs = [own["id"] for own in self.nodes if own["id"] == pretrained]
        node = {"id": name, "kind": kind, "dataset": dataset, "arm": arm, "pretrain_seed": seed, "inputs": inputs}
        needs = {"gpu": 0, "cores": 1, "minutes": 1, "memory_mb": 100}
        node |= {"commands": commands, "run_dir": run, "done": f"done/{name}.json", "resources": needs, "cells": cells}
        self.nodes.append(node)


def add_analysis(study: SyntheticStudy, arm: str = "mse", dataset: str = "nih") -> None:
    """An ``analysis.json`` with all parts, as `mocoi run X/analyze` writes it."""

    def number(value: float, **other: Any) -> dict[str, Any]:
        return {"value": value, "interval": [value - 0.05, value + 0.05], **other}

    null = {"sd": 0.05, "permuted": 0.02, "exchanged": 0.06}
    same = {str(stage): number(0.9 - 0.1 * stage, null=null) for stage in range(1, 5)}
    summary = [
        {"stage": stage, "label_fraction": fraction, "draws": 1, "labelled_images": [100, 100],
         "metrics": {"macro_auc": number(0.6 + 0.04 * place + 0.1 * fraction)}}
        for fraction in (0.06, 1.0)
        for place, stage in enumerate([1, 2, 3, 4, "all"])
    ]  # fmt: skip
    distance = number(0.2, null={"mean": 0.05, "limit": 0.09}, p_value=0.001)
    write_json(
        study.folder / f"runs/{dataset}/{arm}-resnet50-s0/analysis-test/analysis.json",
        {
            "format": 1,
            "dataset": study.name,
            "dataset_sha256": study.sha,
            "networks": {"before": {"method": arm, "start": "pretraining"}, "run": {"label_fraction": 0.06}},
            "feature_reuse": {"run": {"stages": [1, 2, 3, 4], "same_stage": same}},
            "probing": {"metric": "macro_auc", "summary": summary},
            "output_distance": {
                "few_labels": {"label_fraction": 0.06},
                "all_labels": {"label_fraction": 1.0},
                "distance": {"overall": distance},
                "reference": {"overall": number(0.08, null={"mean": 0.05, "limit": 0.09}, p_value=0.2)},
            },
        },
    )


def add_baselines(study: SyntheticStudy, dataset: str = "nih") -> None:
    """A folder of `mocoi baselines`."""
    own = {"value": 0.55, "interval": [0.5, 0.6]}
    shuffles = {"macro_auc": [0.49, 0.51], "mean": 0.5, "standard_deviation": 0.01}
    found = {
        "sex": {"baseline": "sex", "sees": "the column sex alone", "overall": {"macro_auc": own}},
        "shuffled": {"baseline": "shuffled", "sees": "pixels", "overall": {"macro_auc": own}, "shuffles": shuffles},
    }
    content = {"format": 1, "dataset": study.name, "dataset_sha256": study.sha, "baselines": found}
    write_json(study.folder / f"runs/{dataset}/baselines/baselines.json", content)
    source = next(study.folder.glob(f"runs/{dataset}/*/*/f*/predictions.csv"))
    for name, told in found.items():
        folder = study.folder / f"runs/{dataset}/baselines/{name}"
        folder.mkdir()
        (folder / "predictions.csv").write_bytes(source.read_bytes())
        write_json(folder / "metrics.json", {"split": "test", "dataset_sha256": study.sha, "tested": told})


def _chosen(study: SyntheticStudy, dataset: str) -> Path:
    """The run that a report shows in detail."""
    cell = f"{study.evaluations[0]}/f{min(study.fractions):g}-l{study.draws[0]}"
    return study.folder / f"runs/{dataset}/mse-resnet50-s{study.seeds[0]}/{cell}"


def add_tested_baselines(study: SyntheticStudy, dataset: str = "nih") -> None:
    """A folder of `mocoi baselines` whose numbers are those of its predictions."""
    images, found = read_predictions(_chosen(study, dataset) / "predictions.csv"), {}
    for place, (name, sees) in enumerate({"sex": "the column sex alone", "shuffled": "pixels"}.items()):
        said = 0.8 * np.random.default_rng(place).random(images.labels.shape)
        said += 0.2 * (images.labels == 1) * (name == "sex")
        predictions = replace(images, probabilities=said)
        report = evaluate_predictions(predictions, None, **FEW)
        folder, tested = study.folder / f"runs/{dataset}/baselines/{name}", {"baseline": name, "sees": sees}
        write_predictions(folder / "predictions.csv", predictions)
        known = {"format": 1, "split": "test", "dataset_sha256": study.sha, "tested": tested}
        write_json(folder / "metrics.json", {**known, **report})
        found[name] = {**tested, "features": 1, "overall": report["overall"], "classes": report["classes"]}
    areas = [found["shuffled"]["overall"]["macro_auc"]["value"], 0.47, 0.55]
    found["shuffled"]["shuffles"] = {"macro_auc": areas, "mean": float(np.mean(areas)), "standard_deviation": 0.04}
    content = {"format": 1, "dataset": study.name, "dataset_sha256": study.sha, "baselines": found}
    content["intervals"] = report["intervals"]
    write_json(study.folder / f"runs/{dataset}/baselines/baselines.json", content)


def add_tested_external(study: SyntheticStudy, dataset: str = "nih") -> None:
    """A planned test of the chosen run on the images of another place, whose numbers are those of its predictions."""
    own, rng = _chosen(study, dataset), np.random.default_rng(5)
    labels = (rng.random((100, len(study.classes))) < 0.35).astype(np.int64)
    said = 1 / (1 + np.exp(0.5 - 0.8 * (2 * labels - 1) - rng.standard_normal(labels.shape)))
    names, patients = (tuple(f"{word}{row // of:04}" for row in range(100)) for word, of in (("e", 1), ("q", 2)))
    predictions = Predictions(names, patients, study.classes, "multilabel", labels, said)
    report = evaluate_fully(predictions, dict.fromkeys(study.classes, 0.5), **FEW)
    external = external_report(predictions, report, read_predictions(own / "predictions.csv"))
    content = {"format": 1, "split": "test", "dataset_sha256": ELSEWHERE, "skipped_images": []}
    content |= {"tested": json.loads((own / "metrics.json").read_text())["tested"], **report}
    place = f"{own.parent.relative_to(study.folder).as_posix()}-external"
    folder = study.folder / place / own.name
    write_predictions(folder / "predictions.csv", predictions)
    write_json(folder / "metrics.json", {**content, "external": {"dataset": "Elsewhere", **external}})
    cell = {"folder": f"{place}/{own.name}", "evaluation": study.evaluations[0], "stage": 4}
    cell |= {"fraction": min(study.fractions), "label_seed": study.draws[0]}
    study._node(dataset, "mse", study.seeds[0], "external", [["mocoi", "evaluate"]], place, [cell])


def add_external(study: SyntheticStudy, dataset: str = "nih") -> None:
    """A test of one run on the images of another place: that of its own, under another name."""
    source = next(study.folder.glob(f"runs/{dataset}/mse-resnet50-s0/*/f*/metrics.json"))
    metrics = json.loads(source.read_text())
    area = {"value": 0.7, "interval": [0.65, 0.75]}
    compared = {"own": {"value": 0.8, "interval": [0.75, 0.85]}, "here": area}
    compared["difference"] = {"value": -0.1, "interval": [-0.17, -0.03]}
    metrics["external"] = {"overall": {"macro_auc": compared}}
    folder = source.parent.parent / "external"
    folder.mkdir()
    (folder / "predictions.csv").write_bytes((source.parent / "predictions.csv").read_bytes())
    write_json(folder / "metrics.json", metrics)


def add_curves(study: SyntheticStudy, arms: Sequence[str] = ("moco", "mse"), dataset: str = "nih") -> None:
    """TensorBoard files of the pretrainings."""
    from torch.utils.tensorboard import SummaryWriter

    for place, arm in enumerate(arms):
        folder = study.folder / f"runs/{dataset}/{arm}-resnet50-s0/pretrain/tensorboard"
        with SummaryWriter(str(folder)) as writer:
            for step in range(1, 101):
                writer.add_scalar("Progress/relative_loss", 1.2 * np.exp(-step / (60 + 20 * place)) + 0.3, step)
            for epoch in range(5):
                writer.add_scalar("probe/knn_auc", 0.55 + (0.02 + 0.01 * place) * epoch, epoch)
                writer.add_scalar("probe/ridge_auc_stage4", 0.6 + (0.02 + 0.01 * place) * epoch, epoch)
