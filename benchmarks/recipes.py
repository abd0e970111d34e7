"""The recipes of views as the bundles' JSON files have them, read as data: for whoever draws them by other means."""

from __future__ import annotations

from typing import Any

from monai.bundle import ConfigParser

from benchmarks.bundle_run import BUNDLES

RECIPES = {
    "paper, grey": ("nih_mse", ("paper.json",)),
    "paper, colour": ("bch_mse", ("paper.json",)),
    "ours, grey": ("nih_mse", ()),
    "ours, colour": ("bch_mse", ()),
}
"""Bundle, and the configs over its ``train.json``."""

Step = tuple[str, dict[str, Any]]


def steps(bundle: str, overlays: tuple[str, ...], **constants: Any) -> list[Step]:
    """The steps of a view, each with the last part of its class's name and its arguments.

    Args:
        bundle, overlays: see :data:`RECIPES`.
        constants: values of the config's constants, such as ``image_size``.
    """
    parser = ConfigParser()
    parser.read_config([str(BUNDLES / bundle / "configs" / name) for name in ("train.json", *overlays)])
    parser.update({"dataset_dir": "none", **constants})
    place = _place_of_steps(parser.get("views"), "views")
    if place is None:
        raise LookupError(f"views of {bundle} hold no list of transforms; look at its train.json.")
    found = []
    for number in range(len(parser.get(place))):
        config = dict(parser.get_parsed_content(f"{place}#{number}", instantiate=False).get_config())
        found.append((config.pop("_target_").rpartition(".")[2], config))
    return found


def _place_of_steps(value: Any, place: str) -> str | None:
    """Where below a value the first list of things to make lies."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, list) and value and all(isinstance(item, dict) and "_target_" in item for item in value):
        return place
    return next((found for key, child in children if (found := _place_of_steps(child, f"{place}#{key}"))), None)
