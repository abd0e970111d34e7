"""``mocoi package``: what it wrote, in words."""

from __future__ import annotations

import shlex

from rich.console import Console

from monai_mocoi.analysis.evaluation_words import number_in_words
from monai_mocoi.packaging import package_bundle, read_owner


def package_and_show(
    bundle: str, run: str, out: str, overwrite: bool, name: str | None = None, **owner: str | None
) -> None:
    """Package a bundle with a classifier, and say what was written and how to use it.

    Args:
        bundle: folder of the bundle.
        run: folder that ``finetune.json`` wrote.
        out: the zip to write.
        overwrite: replace it.
        name: of the package; None: see :func:`~monai_mocoi.packaging.package_name`.
        owner: see :func:`~monai_mocoi.packaging.read_owner`.

    Raises:
        PackageError, WeightsError: see :func:`~monai_mocoi.packaging.package_bundle`.
    """
    made = package_bundle(bundle, run, out, overwrite, name, read_owner(**owner))
    console = Console(soft_wrap=True, highlight=False, markup=False)
    size = made.path.stat().st_size / 2**20
    labels = len(made.run.sidecar["labels"])
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
    if missing := made.owner.missing():
        console.print(
            f"NOT STATED: {', '.join(missing)}. The card says so; to state it, run this command again with these and "
            "--overwrite."
        )
    console.print(
        f"Use it: unzip it, then in {made.name}/: python -m monai.bundle run --config_file configs/inference.json "
        "--images FOLDER"
    )
