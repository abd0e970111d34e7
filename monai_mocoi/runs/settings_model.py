"""The settings model: for each constant of a config its type, range, choices, unit and meaning.

One pydantic model a config. From it come all checks (:mod:`monai_mocoi.runs.setting_ranges`) and the JSON Schema. It
imports neither torch nor MONAI, so that a wrong value is refused at once.
"""

import os
from typing import Annotated, Literal

from monai_mocoi.runs import setting_groups as g
from monai_mocoi.runs import setting_types as t


class TrainSettings(g.Run, g.Resumable, g.Images, g.ImageErrors, g.Encoder):
    """``train.json`` and its overlay ``paper.json``: pretraining."""

    run_dir: t.Place = t.setting("Folder of the run.")
    watch_every: t.Count = t.setting("From one value in TensorBoard to the next.", "iterations")
    check_every: t.Count = t.setting("From one look for collapse to the next.", "optimiser steps")
    on_collapse: Literal["stop", "warn"] = t.setting("What to do when the encoder collapses.")
    probe_every: t.CountFromZero = t.setting("From one online probe to the next; 0: none.", "epochs")
    views_on: Literal["auto", "cpu", "device"] = t.setting(
        "Where the random views are made; auto: on the device, if that is a GPU."
    )
    compile: t.Flag = t.setting("Compile both encoders by torch.compile; slower on a CPU, worth a try on a GPU.")
    activation_checkpointing: t.Flag = t.setting("Compute blocks twice instead of keeping what is in them.")
    learning_rate_per_256: t.Positive = t.setting("Learning rate at a global batch of 256; scaled in proportion.")
    sgd_momentum: t.Unit = t.setting("Of the optimiser SGD.")
    head: Literal["linear", "mlp", "mlp_bn"] = t.setting("Kind of the projection head.")
    head_hidden: t.Count = t.setting("Width of the projection head's hidden layer.", "features")
    embedding_size: t.Count = t.setting("Length of an embedding.", "features")
    ema_momentum: t.Unit = t.setting("Of the moving average that the key encoder is.")
    temperature: t.Positive = t.setting("Of the contrastive loss.")
    queue_size: t.Count = t.setting("Negatives that are kept.", "embeddings")
    queue_max_share: t.Share | None = t.setting(
        "At most this share of the training images; none: no limit.", "0.5 is 50 %"
    )
    mask_own_image: t.Flag = t.setting("Keep earlier keys of the query's own image from being negatives.")
    mask_own_patient: t.Flag = t.setting("Keep images of the query's patient from being negatives.")
    bn_splits: t.Count = t.setting("Parts of a batch with BatchNorm statistics of their own.", "parts")
    stage_weights: Annotated[list[t.NotNegative], t.OfStages] | t.Empty = t.setting(
        "Of the stage losses, from stage 1 to 4; [] without one.", examples=[[1, 1, 1, 1]]
    )
    stage_pooling: Literal["spatial", "global", "aligned"] = t.setting(
        "What the stage loss compares: maps, their averages, or maps where both views show the same tissue."
    )
    stage_min_overlap: t.Unit = t.setting("Of aligned: the least overlap of two views to compare.", "0.1 is 10 %")
    stage_map_sizes: Annotated[list[t.Count], t.OfStages] = t.setting(
        "Sides of the maps that are compared, from stage 1 to 4.", examples=[[16, 16, 4, 4]]
    )
    stage_normalize: t.Flag = t.setting("Standardise the maps before they are compared.")
    barlow_features: t.Count = t.setting("Width of the Barlow heads.", "features")
    barlow_off_diagonal_weight: t.NotNegative = t.setting("Of redundancy beside invariance.")
    barlow_divisor: t.Positive | None = t.setting("What the Barlow loss is divided by; none: the number of features.")


class FinetuneSettings(g.Run, g.Resumable, g.Images, g.ImageErrors, g.Labels, g.Encoder):
    """``finetune.json`` and its overlay ``paper_finetune.json``: a classifier on labels."""

    run_dir: t.Place = t.setting("Folder of the run.")
    trainable: Literal["all", "head"] = t.setting("all: fine-tuning; head: the encoder is frozen, linear evaluation.")
    stage: Annotated[Literal[1, 2, 3, 4, "all"], t.Exactly] = t.setting(
        "Whose features the linear layer reads; all: of the four side by side."
    )
    solver: Literal["lbfgs", "gradient"] = t.setting("How the linear layer is fitted; lbfgs needs trainable head.")
    label_fraction: t.Share = t.setting("Share of the training images that have labels.", "0.1 is 10 %")
    label_seed: t.CountFromZero = t.setting("Which draw of the labels.")
    label_ids: t.Place | None = t.setting("A labelled.json of an earlier run, or its folder: exactly its images.")
    labels: t.Texts | None = t.setting(
        "Labels that the bundle is made for, in their order; none: those of the data set."
    )
    label_kind: t.LabelKind | None = t.setting("Kind of the labels that the bundle is made for.")
    class_weighting: t.Flag = t.setting("Weigh rare classes in the loss.")
    balanced_sampling: t.Flag = t.setting("Draw images so that classes come up equally often.")
    patience: t.Count | None = t.setting("Stop after so many without a better one; none: never.", "epochs")
    plot_every: t.Count = t.setting("From one set of plots to the next.", "epochs")


def finetuning_name(
    pretrained: str | os.PathLike[str] | None,
    trainable: str,
    stage: int | str,
    label_fraction: float,
    label_seed: int,
    solver: str,
) -> str:
    """Name of a run's folder, from the settings in which fine-tuning experiments differ.

    ``pretrained`` "none" or None is an encoder of random weights; the others are as in ``finetune.json``. Returns such
    as ``finetune-pretrained-all-s4-f0.1-l1``; the solver only where it is not the usual one.
    """
    start = "scratch" if pretrained is None or str(pretrained) == "none" else "pretrained"
    unusual = "-gradient" if trainable == "head" and solver == "gradient" else ""
    return f"finetune-{start}-{trainable}-s{stage}-f{label_fraction:g}-l{label_seed}{unusual}"


class EvaluateSettings(g.Run, g.ImageErrors, g.Intervals, g.Thresholds):
    """``evaluate.json``: a classifier on test images."""

    run_dir: t.Place = t.setting("Run folder of finetune.json, or a classifier's file.")
    evaluation_dir: t.Place = t.setting("Folder to write to.")
    split: t.Split = t.setting("Whose images.")
    worst_errors: t.CountFromZero = t.setting("Pictures of the worst errors; 0: none.", "images a class")


class InferenceSettings(g.Run):
    """``inference.json``: a classifier on new images."""

    images: t.Places = t.setting("A folder, file or list of new images; none: the test images of dataset_dir.")
    run_dir: t.Place | None = t.setting(
        "Run folder of finetune.json, or a classifier's file; none: the bundle's own model."
    )
    inference_dir: t.Place = t.setting("Folder to write to.")
    grad_cam: t.Flag = t.setting("Draw where the evidence lies.")
    grad_cam_classes: t.Texts | None = t.setting("Classes to draw; none: all.")
    grad_cam_positive: t.Flag = t.setting("Draw only what is decided to be there.")
    recalibrate: t.Flag = t.setting("Use the recalibrated probabilities.")
    unusual_limit: t.Percent = t.setting("Percentile of the training images beyond which an image is called unusual.")


class AnalyzeSettings(g.Run, g.Images, g.ImageErrors, g.Labels, g.Encoder, g.Intervals):
    """``analyze.json``: what an encoder has learnt."""

    split: t.Split = t.setting("Whose images.")
    analysis_dir: t.Place = t.setting("Folder to write to.")
    finetuned: t.Places = t.setting("Run folders of finetune.json, one or a list; none: none.")
    few_labels: t.Places = t.setting("Tested run folders with few labels.")
    all_labels: t.Places = t.setting("Tested run folders with all labels.")
    all_labels_again: t.Places = t.setting("Tested run folders with all labels and another seed.")
    parts: t.AnalysisPart | Annotated[list[t.AnalysisPart], t.NotEmpty] | None = t.setting(
        "Parts of the analysis; none: all that can be done.", examples=[["reuse", "ks"]]
    )
    kernel: Literal["linear", "rbf"] = t.setting("Of feature reuse.")
    pooling: Literal["vector", "map"] = t.setting("Of the features whose reuse is measured.")
    max_images: t.Count | None = t.setting("At most so many for feature reuse; none: as many as it can bear.", "images")
    probe_fractions: Annotated[list[t.Share], t.NotEmpty] = t.setting(
        "Label fractions of probing.", examples=[[0.01, 0.1, 1]]
    )
    probe_seeds: Annotated[list[t.CountFromZero], t.NotEmpty] = t.setting(
        "Label draws of probing.", examples=[[1, 2, 3]]
    )


class AnySettings(InferenceSettings, TrainSettings, FinetuneSettings, EvaluateSettings, AnalyzeSettings):  # type: ignore[misc]
    """All of them, for a check that does not know the config: a constant means the same in each."""


MODELS: dict[str, type[g.Group]] = {
    "train": TrainSettings, "finetune": FinetuneSettings, "evaluate": EvaluateSettings, "inference": InferenceSettings,
    "analyze": AnalyzeSettings,
}  # fmt: skip
"""The model of each config, by the stem of its file."""
OVERLAYS = {"paper": "train", "paper_finetune": "finetune"}
"""Whose constants the bundles' overlays set."""


def model_of(config_name: str) -> type[g.Group]:
    """The model of a config's constants, by the stem of its file; that of all constants for another name."""
    return MODELS.get(OVERLAYS.get(config_name, config_name), AnySettings)
