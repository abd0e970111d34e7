"""``mocoi compare``, ``baselines``, ``evaluate`` and ``linear``, which import what they need when they are called."""

from typing import Annotated, Any

import typer

from monai_mocoi.errors import UsageError


def compare(
    first: Annotated[str, typer.Argument(metavar="A.csv", help="predictions.csv of the one classifier; or a probing.")],
    others: Annotated[
        list[str],
        typer.Argument(metavar="B.csv...", help="predictions.csv of the other, or of several, on the same images."),
    ],
    **options: Any,
) -> None:
    """Compare classifiers on the same images.

    The difference B - A has an interval over patients and a p-value.
    Several are compared with the first, one by one, and their p-values corrected for their number by Holm's method.
    For F1, sensitivity and specificity of findings the thresholds are read from the metrics.json beside each file.
    Two probings (probing.json, or its folder) are compared at every stage and label fraction that both have.
    """
    from monai_mocoi.cli.compare import compare_and_show

    compare_and_show(first, others, **options)


def baselines(
    dataset: Annotated[str, typer.Argument(help="A dataset folder with labels, or demo: phantoms of the chest.")],
    **options: Any,
) -> None:
    """Test what shortcuts alone tell of the labels.

    Shortcuts are each column (view, site, sex, age), colours, and small pixels.
    Linear classifiers, trained and chosen as a frozen encoder's. One more learns from shuffled labels: its AUC should
    be near .5 in the mean of 20 shuffles. Each is written as predictions.csv, which mocoi compare sets a classifier
    against.
    """
    from monai_mocoi.cli.baselines import baselines_and_show

    baselines_and_show(dataset, **options)


def evaluate(
    predictions: Annotated[str, typer.Argument(metavar="PREDICTIONS.csv", help="Of ours or of another program.")],
    **options: Any,
) -> None:
    """Evaluate predictions, with intervals over patients.

    Discrimination, calibration and decisions are measured.
    The file has the columns image, patient, label_<finding> (or label) and probability_<class>.
    """
    from monai_mocoi.cli.evaluate import evaluate_and_show

    options["decision_thresholds"] = options["decision_thresholds"] or None
    for name in ("target_sensitivity", "target_specificity"):
        options[name] = options[name] or [0.9]
    evaluate_and_show(predictions, **options)


def linear(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="FINETUNE_CONFIG [--KEY VALUE]", show_default=False, hidden=True)
    ] = None,
    out: Annotated[str, typer.Option("--out", metavar="FOLDER", help="Gets a folder for each, such as f0.06-l1.")] = "",
    fractions: Annotated[str, typer.Option("--fractions", metavar="LIST", help="Of the labels, one word.")] = "[1.0]",
    draws: Annotated[str, typer.Option("--draws", metavar="LIST", help="Label seeds, one word.")] = "[1]",
    test: Annotated[
        str | None, typer.Option("--test", metavar="DATASET", help="Test on this one: another hospital's.")
    ] = None,
    evaluation: Annotated[
        str | None, typer.Option("--evaluation", metavar="JSON", help="Settings of evaluate.json, one word.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace evaluations of other settings.")] = False,
) -> None:
    """Evaluate an encoder linearly with many draws of labels.

    As in mocoi linear nih_mse/finetune --fractions "[1.0, 0.1]" --draws "[1, 2]" --out linear. Each cell is what
    finetune.json with trainable head and evaluate.json give, but features are computed only once. A cell that is whole
    is left as it is, so after an interruption the same command goes on.
    """
    from monai_mocoi.cli.linear_words import check_linear
    from monai_mocoi.cli.threads import announce_threads, computing_with

    checked = check_linear(words or [], fractions, draws, evaluation)
    if not out:
        raise UsageError("--out is missing: name the folder to write to, as in --out runs/nih_mse/linear")
    announce_threads(checked.finetune.threads)  # before torch is loaded
    from monai_mocoi.cli.linear import linear_and_show

    with computing_with(checked.finetune.threads):
        linear_and_show(checked, out, test, overwrite)
