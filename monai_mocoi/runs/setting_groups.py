"""Settings that several configs share, in groups: each constant is described here once."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from monai_mocoi.networks.architectures import Architecture
from monai_mocoi.runs import setting_types as t


class Group(BaseModel):
    """Base of all: a constant that is not described is left to the config, and none needs to be there."""

    model_config = ConfigDict(extra="allow", defer_build=True)


class Run(Group):
    """What every config has."""

    bundle_root: t.Place = t.setting("Folder of the bundle.")
    bundle: t.Text = t.setting("Name of the bundle; it names the folder of its runs.")
    modality: t.Text = t.setting("Kind of images: chest, histology, fundus, or a word of your own.")
    dataset_dir: t.Place = t.setting("A dataset folder made by data_prep, or demo: generated phantoms.")
    demo: t.Flag = t.setting("Whether the data are phantoms; follows from dataset_dir.")
    output_dir: t.Place = t.setting("Folder in which the run folders are made.")
    overwrite: t.Flag = t.setting("Delete what is in the folder to be written, and start anew.")
    seed: t.Seed = t.setting("Of weights, order, views, draws and resamples.")
    device: Any = t.setting("Where to compute: cpu, cuda, or cuda:1.", wording="cpu, cuda or cuda:1")
    architecture: Architecture = t.setting("Which ResNet the encoder is: that of the weights, where some are read.")
    world_size: t.Count = t.setting("Number of processes; torchrun decides it.", "processes")
    num_workers: t.CountFromZero = t.setting("Processes that load images; 0: none beside the run itself.", "processes")
    precision: Literal["auto", "float32", "bf16", "fp16"] = t.setting(
        "Of the computation; auto: bf16 where it is fast."
    )
    channels_last: t.Flag = t.setting("Keep images with channels last in memory; faster on most devices.")
    batch_size: t.Count = t.setting("Images a process and batch.", "images")


class Resumable(Group):
    """Of training runs."""

    resume: t.Flag = t.setting("Continue the run that is in the folder.")
    accumulation_steps: t.Count = t.setting("Batches a step of the optimiser.", "batches")
    max_epochs: t.Count = t.setting("Passes over the training images.", "epochs")
    val_interval: t.Count = t.setting(
        "Epochs from one validation to the next; the last epoch is always validated.", "epochs"
    )
    checkpoint_every: t.Count = t.setting(
        "From one checkpoint to the next; there is one after each epoch too.", "iterations"
    )
    keep_checkpoints: t.Count = t.setting("How many checkpoints are kept.", "checkpoints")
    learning_rate: t.Positive = t.setting("Highest learning rate, after the warm-up.")
    warmup_steps: t.CountFromZero = t.setting("Steps in which the learning rate rises.", "optimiser steps")
    cosine: t.Flag = t.setting("Let the learning rate fall to 0 along a cosine.")
    weight_decay: t.NotNegative = t.setting("Of the optimiser.")
    max_grad_norm: t.Positive | None = t.setting("Clip the gradient's norm; none: no clipping.")
    crop_area: t.Range | None = t.setting(
        "Least and greatest share of the image's area in a random crop; none: the whole image.",
        wording="a list of 2 numbers above 0 and at most 1, the smaller first, or none", examples=[[0.8, 1.0]],
    )  # fmt: skip


class Images(Group):
    """How image files become the network's input."""

    channels: Annotated[Literal[1, 3], t.Exactly] = t.setting("Of an image: 1 grey, 3 colour.", "channels")
    image_size: t.Count = t.setting("Side of the images that the network sees.", "pixels")
    decode_size: t.Count = t.setting("Side of the decoded image that is kept in the cache.", "pixels")
    resize_mode: Literal["crop", "pad", "stretch", "trim", "fundus", "fundus_any"] = t.setting(
        "How an image becomes a square."
    )
    intensity: Literal["declared", "picture", "percentiles"] = t.setting("What is black and what is white.")
    cache_bits: Annotated[Literal["auto", 8, 16], t.Exactly] = t.setting(
        "Of a pixel in the cache; auto: 16 where 8 flatten.", "bits"
    )
    mean: t.OfChannels = t.setting("Subtracted from images with values 0..1; one number, or one a channel.")
    std: t.PositiveOfChannels = t.setting("Images are divided by it; one number, or one a channel.")
    zero_init_residual: t.Flag = t.setting("Start each residual branch at zero.")


class ImageErrors(Group):
    """What to do about images that cannot be read."""

    on_bad_image: Literal["stop", "skip"] = t.setting("What to do with an unreadable image.")
    max_bad_share: t.Unit = t.setting("With on_bad_image skip: at most this share of a split.", "0.1 is 10 %")


class Labels(Group):
    """How labels are drawn, and what is chosen by them."""

    validation_labels: Literal["same", "all"] = t.setting(
        "same: validation has the same label fraction; all: all labels."
    )
    metric: Literal["macro_auc", "macro_average_precision", "macro_f1"] = t.setting(
        "What the best epoch or penalty is chosen by."
    )


class Encoder(Group):
    """Where the encoder comes from."""

    pretrained: t.Place = t.setting("Weights file of the encoder; none: random weights.", wording="a file, or none")


class Intervals(Group):
    """Intervals over patients."""

    interval: Literal["bca", "percentile"] = t.setting("Kind of the bootstrap interval.")
    level: t.Inside = t.setting("Of the intervals.", "0.95 is 95 %")
    resamples: t.Count = t.setting("Of the patients.", "resamples")
    min_positives: t.Count = t.setting("Fewest positive images of a class that is scored.", "images")
    min_negatives: t.Count = t.setting("Fewest negative images of a class that is scored.", "images")


class Thresholds(Group):
    """Operating points, subgroups and recalibration of an evaluation."""

    subgroups: t.Places = t.setting(
        "A CSV file with a column image or patient, and columns such as sex or site; or columns of the datalist."
    )
    age_bands: t.Rising = t.setting(
        "First year of each band of ages but the first.", "years",
        wording="a list of rising years above 0", examples=[[18, 40, 60, 80]],
    )  # fmt: skip
    recalibrate: t.Flag = t.setting("Use the recalibrated probabilities.")
    target_sensitivity: list[t.Share] = t.setting(
        "Sensitivities to find thresholds for, on validation.", examples=[[0.9, 0.95]]
    )
    target_specificity: list[t.Share] = t.setting(
        "Specificities to find thresholds for, on validation.", examples=[[0.9, 0.95]]
    )
    decision_thresholds: Annotated[list[t.Inside], t.NotEmpty] | None = t.setting(
        "Of the decision curve; none: by the share of positives.", examples=[[0.1, 0.5]]
    )
