"""What to type next, by the code of an error: the library names values, the command line its options."""

from collections.abc import Iterable

HINTS = {
    "classifier": "Give --run_dir FOLDER.",
    "exists": "Add --overwrite to replace it.",
    "holds_run": "Add --resume true to continue it, or --overwrite true to delete it and start anew.",
    "package": "`mocoi run` finds the package by itself; else give --bundle_root FOLDER.",
    "phantoms": "Add --dataset_dir FOLDER (for inference.json --images FOLDER will do).",
    "stage": "The whole network: --to torchscript, pt2 or onnx. Another classifier: --stage 4.",
    "unfinished": "Give the run's own command with --resume true.",
    "weights": "Give --pretrained FILE, or --pretrained none for random weights.",
}
"""By :attr:`~monai_mocoi.errors.MocoiError.code`."""


def as_options(names: Iterable[str]) -> str:
    """Names of arguments as what is typed: ``--title, --data-statement``."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)
