"""Places of weights: found, or refused with what is nearby."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME, PACKAGED_NAME, ClassifierCard
from monai_mocoi.networks.encoder_card import ENCODER_NAME, card_path
from monai_mocoi.networks.known_images import RUN_MANIFEST_NAME

_MOST_RUNS = 8


def check_weights_place(path: str | os.PathLike[str]) -> None:
    """Refuse a path without a file (WeightsError), which is named with its folders only if they are relative ones."""
    path = Path(path)
    if path.is_dir():
        raise WeightsError(f"{path.name!r} is a folder: name the file in it, such as {path.name}/{ENCODER_NAME}.")
    if not path.is_file():
        where = path.name if path.is_absolute() else path.as_posix()
        others = [] if path.is_absolute() else runs_nearby(path.parent, f"pretrain/{ENCODER_NAME}")
        near = f"these are: {', '.join(map(repr, others))}. Name one" if others else "name a file"
        raise WeightsError(
            f"there is no weights file {where!r}: {near} as pretrained, or make an {ENCODER_NAME} by train.json with "
            "the same output_dir.",
            code="weights",
        )


def runs_nearby(place: Path, product: str) -> list[str]:
    """Find the products of runs where those of a user mostly are: in ``runs/``, or in what ``place`` is below.

    ``place`` is a folder within an ``output_dir``, and ``product`` below that: "finetune-*/classifier.pt". At most
    eight paths, sorted; relative to the current folder, unless ``place`` is absolute.
    """
    above = [folder for folder in place.parents if folder.name == "runs"][:1]
    roots = [place.parent, *above, Path("runs")]
    found = {
        os.path.realpath(path): path for root in roots for path in (*root.glob(product), *root.glob(f"*/{product}"))
    }
    return sorted(map(str, found.values()))[:_MOST_RUNS]


def read_classifier_card(place: str | os.PathLike[str]) -> ClassifierCard:
    """Read the card of a classifier, given its file or run folder; a WeightsError: there is none, or it is damaged."""
    card = ClassifierCard.read(card_path(classifier_path(place)))
    # Classifiers of before these settings: nothing was rescaled, and the bits were among the settings, as a number.
    before = {"intensity": "declared", "cache_bits": (card.settings or {}).get("cache_bits", 8)}
    return ClassifierCard.of({**before, **card})


def classifier_path(place: str | os.PathLike[str]) -> Path:
    """The weights file of a place: of a run folder its ``classifier.pt``, or the file itself.

    Where there is none, the ``code`` of the WeightsError says which case it is: "unfinished" (a run that has not come
    to its end), "package" (a package without its model) or "classifier"; the text names runs nearby that have one.
    """
    place = Path(place)
    path = place / CLASSIFIER_NAME if place.is_dir() or place.suffix not in (".pt", ".pth") else place
    if path.is_file():
        return path
    folder = path.parent
    is_pretraining = (folder / ENCODER_NAME).is_file()
    if (folder / RUN_MANIFEST_NAME).is_file() and not is_pretraining:
        raise WeightsError(
            f"the run in {folder} has no {path.name}, because it has not come to its end: continue it.",
            code="unfinished",
        )
    within = [where for above in (folder, folder.parent) for where in above.glob(f"finetune-*/{CLASSIFIER_NAME}")]
    others = sorted({str(where.parent) for where in within})
    others = others or [str(Path(where).parent) for where in runs_nearby(folder, f"finetune-*/{CLASSIFIER_NAME}")]
    what = f"there is no classifier in {folder}"
    what = f"{folder} is a pretraining run, without a classifier" if is_pretraining else what
    if path.name == PACKAGED_NAME:
        raise WeightsError(
            f"{what}: a package has {PACKAGED_NAME} in its folder `models`. Go into the package's folder, or give it "
            "as bundle_root.",
            code="package",
        )
    near = f"these runs have one: {', '.join(others)}. Name one" if others else "make one by finetune.json, or name one"
    raise WeightsError(f"{what}; {near} as run_dir.", code="classifier")


def check_modality(classifier: Mapping[str, Any], modality: str | None, bundle: str) -> None:
    """Refuse a classifier of another kind of images than the config's (None: any) with a WeightsError."""
    found = classifier.get("modality")
    if found is not None and modality is not None and found != modality:
        raise WeightsError(
            f"the classifier was made with the modality {found!r}, but {bundle} has {modality!r}: use the bundle that "
            "it was made with."
        )
