"""Encoders of an analysis: their weights, the preparation of their images, and what makes them hard to compare."""

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.data.prepared_dataset import PREPARATION, with_bits
from monai_mocoi.errors import WeightsError
from monai_mocoi.networks import (
    ClassifierCard,
    EncoderCard,
    StageEncoder,
    check_preprocessing,
    classifier_path,
    encoder_state_dict,
    load_pretrained,
    read_classifier_card,
    weights_sha256,
)
from monai_mocoi.networks.stage_encoder import draw_weights
from monai_mocoi.report.analysis_request import AnalysisRequest, Place

_OF_ENCODER = ("method", "dataset", "dataset_sha256", "epochs", "iterations", "relative_loss", "modality")
_OF_CLASSIFIER = (
    *("method", "selected", "stage", "trainable", "label_fraction", "label_seed", "labelled_images", "pretrained"),
    *("pretrained_sha256", "dataset_sha256", "start", "seed", "labels", "modality"),
)


@dataclass(frozen=True)
class AnalysedNetwork:
    """One encoder with its weights, "before" or by the name of its run folder.

    ``preparation``: see :data:`~monai_mocoi.data.prepared_dataset.PREPARATION`. ``about``: plain values for
    ``analysis.json``, without a path. ``card``: what is known of its weights' images; None: nothing is, empty: the
    weights are random.
    """

    name: str
    encoder: StageEncoder
    preparation: dict[str, Any]
    about: dict[str, Any]
    card: EncoderCard | ClassifierCard | None


def read_before(
    template: StageEncoder, weights: str | os.PathLike[str] | None, preparation: Mapping[str, Any], seed: int
) -> AnalysedNetwork:
    """Read the encoder before fine-tuning, of the shape of a template.

    ``weights``: as :func:`~monai_mocoi.networks.load_pretrained` takes them; "none": random ones, with which
    ``finetune.json`` with this seed starts. ``preparation``: of its images.
    """
    encoder = copy.deepcopy(template)
    random = weights is None or str(weights) == "none"
    if random:
        draw_weights(encoder, seed=seed * 1000)  # as Classifier draws its encoder
    loaded = load_pretrained(encoder, weights)
    about = {"weights": loaded.source, "sha256": loaded.sha256, "start": loaded.start["kind"]}
    about |= {"seed": seed} if random else {}
    return _network("before", encoder, preparation, about, loaded.card, _OF_ENCODER)


def read_after(template: StageEncoder, path: Path, name: str) -> AnalysedNetwork:
    """Read the encoder of a classifier (a ``classifier.pt``)."""
    card = read_classifier_card(path)
    encoder = copy.deepcopy(template)
    load_pretrained(encoder, path)
    about = {"sha256": weights_sha256(encoder_state_dict(encoder))}
    return _network(name, encoder, card, about, card, _OF_CLASSIFIER)


def _network(
    name: str,
    encoder: StageEncoder,
    images: Mapping[str, Any],
    about: dict[str, Any],
    card: EncoderCard | ClassifierCard | None,
    told: Sequence[str],
) -> AnalysedNetwork:
    """With the preparation of its images, and what is told of its card."""
    preparation = {name: images[name] for name in PREPARATION}
    of_card = {name: card[name] for name in told if card and name in card}
    return AnalysedNetwork(name, encoder, preparation, {**about, **of_card, "preparation": dict(preparation)}, card)


def names_of(paths: Sequence[Path]) -> list[str]:
    """A name for each classifier: its folder's, and where two have one, with the folder above.

    WeightsError: one run is given twice, or two differ only in folders further up.
    """
    folders = [path.resolve().parent for path in paths]
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names):
        names = [f"{folder.parent.name}-{folder.name}" for folder in folders]
    if len(set(names)) < len(names):
        raise WeightsError("two runs in `finetuned` have one name: give each run once, in folders of different names.")
    return names


def label_of(about: Mapping[str, Any], name: str) -> str:
    """What to call a network in a figure: ``1 % of the labels``, or its name."""
    fraction = about.get("label_fraction")
    if not isinstance(fraction, int | float):
        return name
    return "all labels" if fraction == 1 else f"{100 * fraction:g} % of the labels"


def read_networks(
    request: AnalysisRequest, finetuned: Sequence[Place]
) -> tuple[AnalysedNetwork, list[AnalysedNetwork]]:
    """Read the encoder before, and those after fine-tuning (run folders); differences become notes of the request.

    WeightsError: weights cannot be read, or do not fit.
    """
    template, pretrained = request.encoder, request.pretrained
    preparation: Mapping[str, Any] = request.preparation
    try:
        paths = [classifier_path(place) for place in finetuned]
    except WeightsError as error:
        raise WeightsError(f"finetuned: {error}".replace("as run_dir", "as finetuned")) from None
    after = [read_after(template, path, name) for path, name in zip(paths, names_of(paths), strict=True)]
    # Random weights are those that these runs began with, where all have one seed.
    seeds = {own.card.seed for own in after if isinstance(own.card, ClassifierCard) and own.card.seed is not None}
    seed = seeds.pop() if len(seeds) == 1 else request.interval_settings.seed
    if after and (pretrained is None or str(pretrained) == "none"):
        # Random weights know no images: they are shown the pictures that those are shown that started from them.
        preparation = after[0].preparation
    else:
        preparation = with_bits(preparation, request.datalist.training)
    before = read_before(template, pretrained, preparation, seed)
    own = before.preparation
    compared = {name: own[name] for name in ("mean", "std", "channels", "image_size", "intensity")}
    for warning in check_preprocessing(before.card, **compared, modality=request.modality):
        request.note(warning)
    for network in after:
        differing = [name for name, value in own.items() if network.preparation[name] != value]
        if differing:
            request.note(
                f"{network.name}: its images are prepared in another way than those of the encoder before "
                f"({', '.join(differing)}), so that part of the difference may come from the pictures."
            )
        started = network.about.get("pretrained_sha256")
        network.about["started_from_before"] = None if started is None else started == before.about["sha256"]
        if network.about["started_from_before"] is False:
            request.note(
                f"{network.name} did not start from this encoder: what they share is no reuse. Give the encoder that "
                "it started from as `pretrained`."
            )
    return before, after
