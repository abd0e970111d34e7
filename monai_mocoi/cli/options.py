"""Options of commands as tables, and those that several commands share."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class Option:
    """An option of a command."""

    help: str
    default: Any = None  # None: it may be left out, and help does not show a default
    kind: Any = str  # of its value; where the default is None it may be None, too
    metavar: str | None = None  # what the help calls its value
    flag: str | None = None  # how it is written; None: its name behind two dashes

    def annotation(self, name: str) -> Any:
        """The annotation of a parameter of this name, as typer reads it."""
        kind = self.kind if self.default is not None else self.kind | None
        show = self.default is not None and self.kind is not bool
        flag = self.flag or f"--{name}"
        return Annotated[kind, typer.Option(flag, help=self.help, metavar=self.metavar, show_default=show)]


_STATEMENT = "Text on the images: whose they are, what allows this."
OWNER = {
    "title": Option("For people."),
    "authors": Option("Who makes it."),
    "contact": Option("Where they can be asked."),
    "data_statement": Option(_STATEMENT, metavar="FILE", flag="--data-statement"),
}
PACKAGE = {
    "name": Option("Of the package, such as chest_xray_classification_mocoi."),
    "license": Option("Text of the licence of the weights.", metavar="FILE"),
    "overwrite": Option("Replace the file.", False, bool),
    **OWNER,
}
INTERVALS = {
    "interval": Option("bca or percentile.", "bca"),
    "level": Option("of the interval, 0 to 1.", 0.95, float),
    "resamples": Option("of the patients.", 2000, int),
    "seed": Option("of everything that is drawn.", 0, int),
    "min_positives": Option("Fewest positives of a scored class.", 25, int),
    "min_negatives": Option("Fewest negatives of a scored class.", 25, int),
}
_METRICS = "macro_auc, macro_average_precision, macro_f1, macro_sensitivity or macro_specificity."
COMPARE = {
    "metric": Option(_METRICS, "macro_auc"),
    "json_file": Option("Write the result as JSON too.", metavar="FILE", flag="--json"),
    "overwrite": Option("Replace that file.", False, bool),
    **INTERVALS,
}
_COLUMNS = "A column image or patient, and others to take in the place of the datalist's."
BASELINES = {
    "out": Option("Default: runs/baselines-<DATASET's name>.", metavar="FOLDER"),
    "columns": Option(_COLUMNS, metavar="FILE.csv"),
    "phantoms": Option("Which demo is: chest, histology or fundus. [chest]"),
    "workers": Option("Threads that read images.", kind=int),
    "overwrite": Option("Replace the baselines in that folder.", False, bool),
    **INTERVALS,
}
_VALIDATION = (
    "The same classifier's predictions on validation images: thresholds, operating points and recalibration are chosen "
    "on them, never on the tested ones."
)
_SUBGROUPS = "A column image or patient, and others that tell subgroups apart, such as sex or site."
_BANDS = 'First year of each band of ages but the first, as one word. ["[18, 40, 60, 80]"]'
EVALUATE = {
    "validation": Option(_VALIDATION, metavar="VALIDATION.csv"),
    "out": Option("Write metrics.json and figures there.", metavar="FOLDER"),
    "overwrite": Option("Replace those.", False, bool),
    "recalibrate": Option("Measure the recalibrated probabilities.", False, bool),
    "target_sensitivity": Option("Wanted on validation; may be repeated. [0.9]", kind=list[float]),
    "target_specificity": Option("Wanted on validation; may be repeated. [0.9]", kind=list[float]),
    "decision_thresholds": Option(
        "Of the decision curve; may be repeated. [by the share of positives]",
        kind=list[float],
        flag="--decision_threshold",
    ),
    "subgroups": Option(_SUBGROUPS, metavar="FILE.csv"),
    "age_bands": Option(_BANDS, metavar="LIST"),
    **INTERVALS,
}
