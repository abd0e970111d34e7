"""``mocoi adapt``: what it set for a data set and why, in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from monai_mocoi.cli.bundle_names import bundle_called, find_bundle
from monai_mocoi.errors import AdaptError
from monai_mocoi.own_command import command
from monai_mocoi.packaging.bundle_place import bundle_place, check_bundle_name

if TYPE_CHECKING:
    from monai_mocoi.packaging import Adaptation


def adapt_and_show(
    bundle: str, dataset: str, name: str, out: str = ".", modality: str | None = None, **owner: str | None
) -> None:
    """Make a bundle for a data set; show its settings with their reasons, and the next commands.

    Args:
        bundle: name or folder of the source.
        dataset: the dataset folder.
        name: of the new bundle.
        out: folder to make it in.
        modality: kind of the images; None: the source's.
        owner: see :func:`~monai_mocoi.packaging.read_owner`.

    Raises:
        AdaptError, DatasetError: see :func:`~monai_mocoi.packaging.adapt_bundle`; or there is a bundle of that name.
        PackageError: what the owner states cannot be read.
    """
    source = find_bundle(bundle)
    check_bundle_name(name)
    if (other := bundle_called(name)) is not None:
        raise AdaptError(
            f"there is a bundle {name} already ({other}), which would be taken for it: give another --name."
        )
    bundle_place(name, out, dataset)
    from monai_mocoi.packaging import adapt_bundle, read_owner

    made = adapt_bundle(source, dataset, name, out, modality, read_owner(**owner))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"Data set: {made.title}; images: {made.counts}; labels: {made.labels.in_words()}")
    console.print(
        f"Set for these images ({made.facts.read} of {made.facts.of:,} were looked at; all else as in {made.source}):"
    )
    shown = [(choice.name, str(choice.value), choice.reason) for choice in made.choices if choice.name != "labels"]
    name_width, value_width = (max(len(row[column]) for row in shown) for column in (0, 1))
    for row in shown:
        console.print(f"  {row[0]:{name_width}}  {row[1]:{value_width}}  {row[2]}")
    for warning in made.warnings:
        console.print(f"WARNING: {warning}")
    if made.modality == made.source_modality:
        console.print(f"Kind of images: {made.modality}, as of {made.source}; if that is wrong, name it by --modality.")
    if missing := [option for option in made.owner.missing() if option != "--license"]:
        console.print(f"NOT STATED: {', '.join(missing)}. The bundle says so.")
    console.print(f"Written: {made.folder}")
    console.print("Next:")
    for line in next_commands(made, dataset):
        console.print(f"  {line}")


def next_commands(made: Adaptation, dataset: str) -> list[str]:
    """The commands that show and run the first config of the new bundle from the current folder."""
    found = bundle_called(made.name)
    here = found is not None and found.resolve() == made.folder.resolve()
    word = f"{made.name}/train" if here else str(made.folder / "configs" / "train.json")
    words = [word] if Path(made.dataset_dir).resolve() == made.datalist.folder else [word, "--dataset_dir", dataset]
    return [command(verb, *words) for verb in ("plan", "run")]
