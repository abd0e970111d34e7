"""What ``dataset_dir`` means in a bundle: a dataset folder, or the word "demo"."""

import difflib
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from monai_mocoi.data.datalist import load_datalist, refuse_bundle
from monai_mocoi.data.datalist_form import DATALIST_NAME, MANIFEST_NAME
from monai_mocoi.data.new_images import find_new_images
from monai_mocoi.demo.demo_sets import DEMO_SETS
from monai_mocoi.demo.generate import DEMO_VERSIONS, checked_modality, generate_demo
from monai_mocoi.errors import DatasetError, NoDatasetError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.home_folder import expand_home
from monai_mocoi.networks.known_images import check_drawn_or_real
from monai_mocoi.networks.weights_place import check_weights_place

_log = logging.getLogger(__name__)


def resolve_dataset_dir(dataset_dir: str, modality: str | None, weights: str | os.PathLike[str] | None = None) -> str:
    """Turn a bundle's ``dataset_dir`` into the absolute path of a dataset folder.

    Args:
        dataset_dir: a folder that ``data_prep`` has written, or "demo": phantoms, generated once into the user's cache
            folder (any number of processes may ask at the same time) and announced by a warning.
        modality: of the bundle, a key of ``DEMO_VERSIONS``. Images of another one are announced by a warning. None, for
            a folder: of any.
        weights: that the bundle starts from, or tests: phantoms are not drawn for weights of real images, see
            :func:`~monai_mocoi.networks.check_drawn_or_real`.

    Raises:
        DatasetError: it is neither; the text names the value.
        WeightsError: it is "demo", but the weights were made on a dataset folder, or are a ``.pt`` that is not there.
    """
    check_drawn_or_real(dataset_dir, weights)
    if dataset_dir == "demo":
        modality = checked_modality(modality)
        if weights is not None and Path(weights).suffix == ".pt":
            check_weights_place(weights)  # before minutes of drawing
        folder = demo_folder(modality)
        _log.warning(
            "dataset_dir is 'demo': GENERATED PHANTOMS, NOT MEDICAL DATA, in %s. "
            "Nothing learnt or measured on them says anything about patients.",
            folder,
        )
        return str(generate_demo(folder, modality))
    folder = Path(os.path.abspath(expand_home(dataset_dir)))
    if dataset_dir and (folder / DATALIST_NAME).is_file():
        if modality is not None:
            _warn_of_other_modality(folder, modality)
        return str(folder)
    if near := _near(folder) if dataset_dir else []:
        names = " or ".join(repr(str(Path(dataset_dir).with_name(name))) for name in near)
        raise DatasetError(f"dataset_dir is '{dataset_dir}', which does not exist: is {names} meant?")
    if dataset_dir:
        refuse_bundle(folder, dataset_dir)
    missing = "does not exist" if os.path.isabs(dataset_dir) else "does not exist in the current folder"
    problem = f"has no {DATALIST_NAME}" if dataset_dir and folder.is_dir() else missing
    raise NoDatasetError(
        f"dataset_dir is '{dataset_dir}', which {problem}: it is no finished dataset folder. Prepare it first, of "
        "images of your own or of public data (docs/data.md); or give dataset_dir as 'demo' to try with generated "
        "phantoms.",
        dataset_dir,
        modality,
    )


def demo_folder(modality: str) -> Path:
    """Where the phantoms of a modality are, or will be drawn."""
    return user_cache_dir() / "demo" / f"{modality}-{DEMO_VERSIONS[modality]}"


def _near(folder: Path) -> list[str]:
    """Names of dataset folders that a folder which does not exist may have been meant to be."""
    try:
        beside = [] if folder.exists() else os.listdir(folder.parent)
    except OSError:
        return []
    near = difflib.get_close_matches(folder.name, beside, n=3)
    return [name for name in near if (folder.with_name(name) / DATALIST_NAME).is_file()]


def _warn_of_other_modality(folder: Path, modality: str) -> None:
    try:
        source = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # a folder made by hand
    known = {kind.source: name for name, kind in DEMO_SETS.items()} | {f"demo-{m}": m for m in DEMO_SETS}
    if known.get(source, modality) != modality:
        _log.warning(
            "The bundle is for %s images, but dataset_dir '%s' was made of %s images (%s): is this the folder, and the "
            "bundle, that you want?",
            modality,
            folder,
            known[source],
            source,
        )


def images_to_classify(
    images: str | os.PathLike[str] | Sequence[str] | None,
    dataset_dir: str,
    modality: str,
    weights: str | os.PathLike[str] | None = None,
) -> list[dict[str, str]]:
    """What inference is to work on: the images given or, without any, the test images of a data set.

    Arguments, result and errors as of :func:`~monai_mocoi.data.find_new_images` and :func:`resolve_dataset_dir`; the
    names of test images are those of the datalist. Raises DatasetError: no test image.
    """
    if images is not None:
        return find_new_images(images)
    test = load_datalist(resolve_dataset_dir(dataset_dir, modality, weights)).test
    if not test:
        raise DatasetError("the data set has no test images; say which images to classify (images).")
    return [{"image": item["image"], "name": item["name"]} for item in test]
