"""``mocoi adapt``: a bundle for a data set; what it set and why, in words."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from monai_mocoi.cli.bundle_names import bundle_called, find_bundle
from monai_mocoi.cli.messages import as_options
from monai_mocoi.errors import AdaptError
from monai_mocoi.own_command import command

if TYPE_CHECKING:
    from monai_mocoi.packaging import Adaptation


def adapt(
    bundle: Annotated[str, typer.Argument(help="Name or folder of the bundle to start from, such as nih_mse.")],
    dataset: Annotated[str, typer.Option("--dataset", metavar="DIR", help="The dataset folder; it is only read.")],
    name: Annotated[str, typer.Option("--name", help="Of the new bundle and its folder, such as my_study.")],
    out: Annotated[str, typer.Option("--out", metavar="PARENT", help="The folder to make it in.")] = ".",
    modality: Annotated[
        str | None,
        typer.Option("--modality", help="Kind of images, one word such as hand. Default: that of BUNDLE."),
    ] = None,
    **owner: Any,
) -> None:
    """Make a bundle of your own for a dataset folder, from one of the nine.

    Channels, image size, intensity, batch, queue, labels and metric follow from the data set, each with its reason; all
    else is as in BUNDLE. Choose that by its images (chest X-rays, histology, fundus) and method (moco, mse, barlow).
    """
    from monai_mocoi.packaging.bundle_place import bundle_place, check_bundle_name

    source = find_bundle(bundle)
    check_bundle_name(name)
    if (other := bundle_called(name)) is not None:
        raise AdaptError(
            f"there is a bundle {name} already ({other}), which would be taken for it: give another --name."
        )
    bundle_place(name, out, dataset)
    from monai_mocoi.packaging import adapt_bundle, read_owner  # torch, only now

    adapted = adapt_bundle(source, dataset, name, out, modality, read_owner(**owner))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"Data set: {adapted.title}; images: {adapted.counts}; labels: {adapted.labels.in_words()}")
    console.print(
        f"Set for these images ({adapted.facts.read} of {adapted.facts.of:,} were looked at; all else as in "
        f"{adapted.source}):"
    )
    shown = [(choice.name, str(choice.value), choice.reason) for choice in adapted.choices if choice.name != "labels"]
    name_width, value_width = (max(len(row[column]) for row in shown) for column in (0, 1))
    for row in shown:
        console.print(f"  {row[0]:{name_width}}  {row[1]:{value_width}}  {row[2]}")
    for warning in adapted.warnings:
        console.print(f"WARNING: {warning}")
    if adapted.modality == adapted.source_modality:
        console.print(
            f"Kind of images: {adapted.modality}, as of {adapted.source}; if that is wrong, name it by --modality."
        )
    if missing := as_options(name for name in adapted.owner.missing() if name != "license"):
        console.print(f"NOT STATED: {missing}. The bundle says so.")
    console.print(f"Written: {adapted.folder}")
    console.print("Next:")
    for line in next_commands(adapted, dataset):
        console.print(f"  {line}")


def next_commands(adapted: "Adaptation", dataset: str) -> list[str]:
    """The commands that show and run the first config of the new bundle from the current folder."""
    found = bundle_called(adapted.name)
    here = found is not None and found.resolve() == adapted.folder.resolve()
    word = f"{adapted.name}/train" if here else str(adapted.folder / "configs" / "train.json")
    is_set = Path(adapted.dataset_dir).resolve() == adapted.datalist.folder
    words = [word] if is_set else [word, "--dataset_dir", dataset]
    return [command(verb, *words) for verb in ("plan", "run")]
