"""``mocoi adapt``, ``mocoi package`` and ``mocoi export``: bundles and weights of those that are there; in words."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monai_mocoi.cli.bundle_names import bundle_called, find_bundle
from monai_mocoi.cli.messages import as_options
from monai_mocoi.cli.reporting import console
from monai_mocoi.errors import AdaptError, WeightsError
from monai_mocoi.networks.architectures import ARCHITECTURES
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
    architecture: Annotated[
        str | None,
        typer.Option("--architecture", help=f"{', '.join(ARCHITECTURES)}. Default: that of BUNDLE."),
    ] = None,
    **owner: Any,
) -> None:
    """Make a bundle of your own for a dataset folder.

    It is made from one of the nine: BUNDLE. Channels, image size, intensity, batch, queue, labels and metric follow
    from the data set, each with its reason; all else is as in BUNDLE. Choose that by its images (chest X-rays,
    histology, fundus) and method (moco, mse, barlow).
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

    adapted = adapt_bundle(source, dataset, name, out, modality, read_owner(**owner), architecture)
    say = console().print
    say(f"Data set: {adapted.title}; images: {adapted.counts}; labels: {adapted.labels.in_words()}")
    looked_at = f"{adapted.facts.read} of {adapted.facts.of:,} were looked at"
    say(f"Set for these images ({looked_at}; all else as in {adapted.source}):")
    shown = [(choice.name, str(choice.value), choice.reason) for choice in adapted.choices if choice.name != "labels"]
    name_width, value_width = (max(len(row[column]) for row in shown) for column in (0, 1))
    for row in shown:
        say(f"  {row[0]:{name_width}}  {row[1]:{value_width}}  {row[2]}")
    for warning in adapted.warnings:
        say(f"WARNING: {warning}")
    if adapted.modality == adapted.source_modality:
        say(f"Kind of images: {adapted.modality}, as of {adapted.source}; if that is wrong, name it by --modality.")
    if missing := as_options(name for name in adapted.owner.missing() if name != "license"):
        say(f"NOT STATED: {missing}. The bundle says so.")
    say(f"Written: {adapted.folder}")
    say("Next:", *_next_commands(adapted, dataset), sep="\n  ")


def _next_commands(adapted: "Adaptation", dataset: str) -> list[str]:
    """The commands that show and run the first config of the new bundle from the current folder."""
    found = bundle_called(adapted.name)
    here = found is not None and found.resolve() == adapted.folder.resolve()
    word = f"{adapted.name}/train" if here else str(adapted.folder / "configs" / "train.json")
    is_set = Path(adapted.dataset_dir).resolve() == adapted.datalist.folder
    words = [word] if is_set else [word, "--dataset_dir", dataset]
    return [command(verb, *words) for verb in ("plan", "run")]


def package(
    bundle: Annotated[str, typer.Argument(help="Name or folder of the bundle, such as nih_mse.")],
    run: Annotated[str, typer.Option("--run", metavar="FOLDER", help="The run folder that finetune.json wrote.")],
    out: Annotated[str, typer.Option("--out", metavar="FILE.zip", help="The file to write.")],
    **options: Any,
) -> None:
    """Pack a bundle with a fine-tuned classifier.

    MONAI's bundle tools read the zip. It holds the weights, the configs with all that inference must know, and a model
    card with the figures of evaluate.json, if it was run. Nothing in it tells of this machine, of images or of
    patients. What its makers do not state is said to be missing.
    """
    from monai_mocoi.analysis.wording import number_in_words
    from monai_mocoi.packaging import package_bundle, read_owner

    name, overwrite = options.pop("name"), options.pop("overwrite")
    made = package_bundle(find_bundle(bundle), run, out, overwrite, name, read_owner(**options))
    say = console().print
    size, labels = made.path.stat().st_size / 2**20, len(made.run.card["labels"])
    say(f"Written: {made.path} ({made.name}, classifier of {labels} labels, {size:.1f} MiB)")
    if made.run.is_demo:
        say("TRAINED ON GENERATED PHANTOMS: the card says so.")
    if made.run.metrics is None:
        say(
            "NOT EVALUATED: the card says so. To have the figures in it, run evaluate.json with --run_dir "
            f"{shlex.quote(run)}, then this command again with --overwrite."
        )
    else:
        macro = number_in_words(made.run.metrics["overall"]["macro_auc"])
        say(f"Evaluated on {made.run.metrics['images']} test images: macro AUC {macro}")
    if missing := as_options(made.owner.missing()):
        say(f"NOT STATED: {missing}. The card says so; to state it, run this command again with these and --overwrite.")
    use = "python -m monai.bundle run --config_file configs/inference.json --images FOLDER"
    say(f"Use it: unzip it, then in {made.name}/: {use}")


def export(
    weights: Annotated[str, typer.Argument(help="encoder.pt, classifier.pt or another ResNet's weights.")],
    to: Annotated[str, typer.Option("--to", help="torchvision, timm or monai; torchscript, pt2 or onnx.")],
    out: Annotated[str, typer.Option("--out", help="The file: .pt or .safetensors; .ts, .pt2 or .onnx.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file and the JSON file beside it.")
    ] = False,
) -> None:
    """Write an encoder or classifier for another library.

    For torchvision, timm and monai the file has that library's names, and is tried in its own network before it is
    kept. torchscript, pt2 and onnx are whole networks that run without this software, tried at batches of 1 and 3. A
    JSON file beside it says how to prepare the images.
    """
    from monai_mocoi.networks import export_graph, export_weights
    from monai_mocoi.networks.export_layouts import LAYOUTS
    from monai_mocoi.networks.graph_formats import FORMATS

    if to not in (*LAYOUTS, *FORMATS):
        raise WeightsError(f"there is no layout or format {to!r}: choose one of {', '.join((*LAYOUTS, *FORMATS))}.")
    written = (export_graph if to in FORMATS else export_weights)(weights, to, out, overwrite)
    info, say = written.card, console().print
    classes = "encoder" if info["classes"] is None else f"classifier of {info['classes']}"
    beside = written.path.with_suffix(".json").name
    say(f"Written: {written.path} and {beside} ({info['architecture']}, {classes})")
    say(f"Tried in {written.proof}")
    say(f"Opens with: {info['opens_with']}")
    images = "how they are to be normalised is not known, because the weights have no JSON file beside them"
    if "mean" in info and "std" in info:
        images = f"values 0..1, then (value - {info['mean']}) / {info['std']}"
        if "image_size" in info:
            images += f", {info['image_size']} x {info['image_size']}"
        if info["names"] not in FORMATS and info.get("channels") == 1 and info["in_channels"] == 3:
            images += "; grey, repeated to three equal channels"
    say(f"Images: {images}")
