"""``mocoi package``: a zip for MONAI's bundle tools; what it wrote, in words."""

import shlex
from typing import Annotated, Any

import typer
from rich.console import Console

from monai_mocoi.cli.bundle_names import find_bundle
from monai_mocoi.cli.messages import as_options


def package(
    bundle: Annotated[str, typer.Argument(help="Name or folder of the bundle, such as nih_mse.")],
    run: Annotated[str, typer.Option("--run", metavar="FOLDER", help="The run folder that finetune.json wrote.")],
    out: Annotated[str, typer.Option("--out", metavar="FILE.zip", help="The file to write.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Of the package, such as chest_xray_classification_mocoi.")
    ] = None,
    license: Annotated[
        str | None, typer.Option("--license", metavar="FILE", help="Text of the licence of the weights.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    **owner: Any,
) -> None:
    """Pack a bundle with a fine-tuned classifier, for MONAI's bundle tools.

    The zip holds the weights, the configs with all that inference must know, and a model card with the figures of
    evaluate.json, if it was run. Nothing in it tells of this machine, of images or of patients. What its
    makers do not state is said to be missing.
    """
    from monai_mocoi.analysis.wording import number_in_words
    from monai_mocoi.packaging import package_bundle, read_owner

    made = package_bundle(find_bundle(bundle), run, out, overwrite, name, read_owner(license=license, **owner))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    size = made.path.stat().st_size / 2**20
    labels = len(made.run.card["labels"])
    console.print(f"Written: {made.path} ({made.name}, classifier of {labels} labels, {size:.1f} MiB)")
    if made.run.is_demo:
        console.print("TRAINED ON GENERATED PHANTOMS: the card says so.")
    if made.run.metrics is None:
        console.print(
            "NOT EVALUATED: the card says so. To have the figures in it, run evaluate.json with --run_dir "
            f"{shlex.quote(run)}, then this command again with --overwrite."
        )
    else:
        macro = number_in_words(made.run.metrics["overall"]["macro_auc"])
        console.print(f"Evaluated on {made.run.metrics['images']} test images: macro AUC {macro}")
    if missing := as_options(made.owner.missing()):
        console.print(
            f"NOT STATED: {missing}. The card says so; to state it, run this command again with these and --overwrite."
        )
    console.print(
        f"Use it: unzip it, then in {made.name}/: python -m monai.bundle run --config_file configs/inference.json "
        "--images FOLDER"
    )
