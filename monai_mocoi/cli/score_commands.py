"""``mocoi compare``, ``mocoi baselines`` and ``mocoi evaluate``: their options."""

from __future__ import annotations

from typing import Annotated, Any

import typer

_HIDDEN_DEFAULT: dict[str, Any] = {"show_default": False}


def compare(
    first: Annotated[str, typer.Argument(metavar="A.csv", help="predictions.csv of the one classifier; or a probing.")],
    others: Annotated[
        list[str],
        typer.Argument(metavar="B.csv...", help="predictions.csv of the other, or of several, on the same images."),
    ],
    metric: Annotated[
        str,
        typer.Option(
            help="macro_auc, macro_average_precision, macro_f1, "
            "macro_sensitivity, macro_specificity or calibration_error.",
        ),
    ] = "macro_auc",
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON too.", **_HIDDEN_DEFAULT)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
    **settings: Any,
) -> None:
    """Compare classifiers on the same images: B - A, with an interval over patients and a p-value.

    Several are compared with the first, one by one, and their p-values corrected for their number by Holm's method.
    For F1, sensitivity and specificity of findings the thresholds are read from the metrics.json beside each file.
    Two probings (probing.json, or its folder) are compared at every stage and label fraction that both have.
    """
    from monai_mocoi.cli.compare import compare_and_show

    compare_and_show(first, others, metric, json_file, overwrite, **settings)


def baselines(
    dataset: Annotated[str, typer.Argument(help="A dataset folder with labels.")],
    out: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Default: runs/baselines-<DATASET's name>.", **_HIDDEN_DEFAULT),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.csv",
            help="A column image or patient, and others to take in the place of the datalist's.",
            **_HIDDEN_DEFAULT,
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Threads that read images.", **_HIDDEN_DEFAULT)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the baselines in that folder.")] = False,
    **settings: Any,
) -> None:
    """Test what shortcuts alone tell of the labels: each column (view, site, sex, age), colours, small pixels.

    Linear classifiers, trained and chosen as a frozen encoder's. One more learns from shuffled labels: its AUC should
    be near .5 in the mean of 20 shuffles. Each is written as predictions.csv, which mocoi compare sets a classifier
    against.
    """
    from monai_mocoi.cli.baselines import baselines_and_show

    baselines_and_show(dataset, out, columns, overwrite, workers, **settings)


def evaluate(
    predictions: Annotated[str, typer.Argument(metavar="PREDICTIONS.csv", help="Of ours or of another program.")],
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="VALIDATION.csv",
            help="The same classifier's predictions on validation images: thresholds, operating points and "
            "recalibration are chosen on them, never on the tested ones.",
            **_HIDDEN_DEFAULT,
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Write metrics.json and figures there.", **_HIDDEN_DEFAULT)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace those.")] = False,
    recalibrate: Annotated[bool, typer.Option("--recalibrate", help="Measure the recalibrated probabilities.")] = False,
    target_sensitivity: Annotated[
        list[float] | None, typer.Option("--target_sensitivity", help="Wanted on validation; may be repeated. [0.9]")
    ] = None,
    target_specificity: Annotated[
        list[float] | None, typer.Option("--target_specificity", help="Wanted on validation; may be repeated. [0.9]")
    ] = None,
    decision_threshold: Annotated[
        list[float] | None,
        typer.Option(
            "--decision_threshold", help="Of the decision curve; may be repeated. [by the share of positives]"
        ),
    ] = None,
    subgroups: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.csv",
            help="A column image or patient, and others that tell subgroups apart, such as sex or site.",
            **_HIDDEN_DEFAULT,
        ),
    ] = None,
    age_bands: Annotated[
        str | None,
        typer.Option(
            "--age_bands",
            metavar="LIST",
            help='First year of each band of ages but the first, as one word. ["[18, 40, 60, 80]"]',
            **_HIDDEN_DEFAULT,
        ),
    ] = None,
    **settings: Any,
) -> None:
    """Evaluate predictions, with intervals over patients: discrimination, calibration, decisions.

    The file has the columns image, patient, label_<finding> (or label) and probability_<class>.
    """
    from monai_mocoi.cli.evaluate import evaluate_and_show

    settings |= {"target_sensitivity": target_sensitivity or [0.9], "target_specificity": target_specificity or [0.9]}
    settings |= {"decision_thresholds": decision_threshold or None, "recalibrate": recalibrate}
    evaluate_and_show(predictions, validation, out, overwrite, subgroups=subgroups, age_bands=age_bands, **settings)
