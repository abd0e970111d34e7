"""Next commands after an evaluation: test the counterpart, compare the two, or package the classifier."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.own_command import command
from monai_mocoi.runs.next_command import bundle_word, next_command
from monai_mocoi.runs.product_names import PREDICTIONS_NAME
from monai_mocoi.runs.run_manifest import RunManifest

_KINDS = ("-scratch-", "-pretrained-")  # in the name of a run folder, as finetune.json makes it


def commands_after(evaluation: Path, split: str, tested: Mapping[str, Any], external: bool) -> Iterator[str]:
    """The commands, in words, that follow an evaluation of a ``split``, written to a folder.

    ``tested`` has ``run``: folder or file of the classifier; ``bundle``: its name; ``dataset_dir``: as it was given.
    ``external``: it is another data set than the classifier's own.
    """
    bundle, dataset_dir = str(tested["bundle"]), str(tested["dataset_dir"])
    if split == "test" and dataset_dir != "demo":
        yield f"What shortcuts (view, colour, ...) achieve alone, for comparison: {command('baselines', dataset_dir)}"
    if following := after_evaluation(evaluation, Path(tested["run"]), split, bundle, dataset_dir, external):
        yield f"Next: {following}"


def after_evaluation(
    evaluation: Path, run: Path, split: str, bundle: str, dataset_dir: str, external: bool = False
) -> str | None:
    """The command that follows, for the arguments of :func:`commands_after`; None: there is none.

    It is the comparison with the run that differs only in being pretrained or not, if that was tested in the same way;
    else its test, if there is such a run; else, after its own test split, the package.
    """
    run = run.parent if run.suffix == ".pt" else run
    if not (run / RunManifest.FILE).is_file():
        return None
    kind = next((kind for kind in _KINDS if kind in run.name), None)
    if kind:
        pair = [run.with_name(run.name.replace(kind, other, 1)) for other in _KINDS]
        files = [folder / evaluation.name / PREDICTIONS_NAME for folder in pair]
        if evaluation.parent == run and all(file.is_file() for file in files):
            return command("compare", *files)
        (other,) = (folder for folder in pair if folder != run)
        if (other / CLASSIFIER_NAME).is_file():
            given = {"dataset_dir": dataset_dir, "run_dir": other, "split": None if split == "test" else split}
            return next_command("evaluate", bundle, given)
    if split != "test" or external:
        return None
    out = f"{bundle}.zip" if not Path(f"{bundle}.zip").exists() else f"{bundle}-{run.name}.zip"
    return command("package", bundle_word(bundle), "--run", run, "--out", out)
