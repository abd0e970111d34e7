"""``mocoi report``: the report of all runs below a folder, as a page, tables and figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from monai_mocoi.cli.options import Option
from monai_mocoi.own_command import command

REPORT = {
    "out": Option("The report's folder. [report, in RUNS]", metavar="DIR"),
    "metric": Option("auc, average_precision, f1, sensitivity or specificity. [of the plan, or auc]"),
    "label": Option("Compare this class alone, not the mean over classes."),
    "arm": Option("To show in detail. [of the primary comparison, or mse]"),
    "overwrite": Option("Replace the report in that folder.", False, bool),
}


def report(
    runs: Annotated[str, typer.Argument(metavar="RUNS", help="A study's folder, or any folder with run folders.")],
    **options: Any,
) -> None:
    """Report on all runs below a folder, with a verdict.

    It makes one page, with tables, figures, and where each number comes from. Arms, planned cells and the primary
    comparison are those of the plan.json in RUNS; without one all comparisons are exploratory. Nothing is trained or
    tested: it reads predictions.csv, metrics.json and the other files of the runs.
    """
    report_and_show(runs, **options)


def report_and_show(
    runs: str, out: str | None, metric: str | None, label: str | None, arm: str | None, overwrite: bool
) -> None:
    """Write the report, and print what it found."""
    from monai_mocoi.study_report import check_report_place

    folder = Path(runs) / "report" if out is None else Path(out)
    check_report_place(runs, folder, overwrite)
    from monai_mocoi.study import PLAN_NAME, read_plan
    from monai_mocoi.study_report import Finding, Metric, finding, write_study_report  # SciPy and figures, only now

    if metric is None and label is not None:
        metric = read_plan(runs).metric.name if (Path(runs) / PLAN_NAME).is_file() else "auc"
    chosen = None if metric is None else Metric.of(metric, label)
    study = write_study_report(runs, folder, chosen, arm, overwrite, _settings_of)
    tests, arms = sum(len(cell.runs) for cell in study.cells.values()), len(study.arms)
    typer.echo(f"{tests} tested runs, {arms} arms, {len(study.comparisons)} comparisons; {study.metric.words}")
    for kind in Finding:
        if count := sum(finding(own) is kind for own in study.comparisons):
            typer.echo(f"  {kind.value}: {count}")
    if study.problems:
        typer.echo(f"  not used: {len(study.problems)}; the section 'What cannot be concluded' says why")
    typer.echo(f"Report: {folder / 'report.html'}")
    if study.found.plan is None:
        typer.echo(
            "Without a plan all comparisons are exploratory. To plan the next study: "
            f"{command('study', 'plan', 'study.yaml')} (docs/study.md)"
        )


def _settings_of(words: Sequence[str], folder: Path) -> Mapping[str, Any]:
    from monai_mocoi.cli.planned_settings import planned_settings  # MONAI, only for tests that were run by hand

    return planned_settings(words, folder)
