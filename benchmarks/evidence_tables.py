"""Tables of the page of evidence: Markdown of the kept CSV files, and nothing that is not in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from benchmarks.evidence_files import KeptStudy
from monai_mocoi.study_report.verdict import end

NONE = "–"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; empty where there are no rows."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(header) + " |", "|---" * len(header) + "|", *lines]) if lines else ""


def percent(value: str, sign: str = "") -> str:
    """A number of a CSV file in hundredths, with one digit."""
    text = f"{100 * float(value):{sign}.1f}"
    return text.replace("-0.0", "0.0") if float(text) == 0 else text


def with_interval(row: dict[str, str], name: str = "value", sign: str = "") -> str:
    """``82.4 (77.9 to 86.0)``."""
    if not row[name]:
        return NONE
    ends = f" ({end(float(row['low']), sign)} to {end(float(row['high']), sign)})" if row["low"] else ""
    return percent(row[name], sign) + ends


def share(fraction: str) -> str:
    return f"{100 * float(fraction):g} %"


def fractions_of(rows: Iterable[dict[str, str]]) -> list[str]:
    """From the fewest labels to all, as the file writes them."""
    return sorted({row["label_fraction"] for row in rows}, key=float)


def rows_of(kept: KeptStudy, prefix: str, dataset: str) -> list[dict[str, str]]:
    """The rows of a data set in the tables ``linear_1``, ``linear_2``, ..."""
    names = sorted(path.stem for path in (kept.folder / "tables").glob(f"{prefix}_*.csv"))
    return [row for name in names for row in kept.table(name) if row["dataset"] == dataset]


def label_efficiency(kept: KeptStudy, evaluation: str, dataset: str) -> str:
    """A row an arm that has run, a column a share of the labels."""
    rows = [row for row in rows_of(kept, evaluation, dataset) if int(row["runs_used"])]
    fractions = fractions_of(rows)
    cells = {(row["arm"], row["label_fraction"]): row for row in rows}
    arms = [arm["id"] for arm in kept.plan["arms"] if any(row["arm"] == arm["id"] for row in rows)]
    made = []
    for arm in arms:
        own = [cells.get((arm, fraction)) for fraction in fractions]
        counts = sorted({int(row["pretrainings"]) for row in own if row and row["pretrainings"]})
        seeds = " to ".join(map(str, dict.fromkeys([counts[0], counts[-1]]))) if counts and counts[-1] else "none"
        made.append([f"`{arm}`", *(with_interval(row) + _missing(row) if row else NONE for row in own), seeds])
    return table(["arm", *map(share, fractions), "pretrainings"], made)


def not_run(kept: KeptStudy, evaluation: str, dataset: str) -> list[str]:
    """Arms that were planned and of which no test is there."""
    rows = rows_of(kept, evaluation, dataset)
    there = {row["arm"] for row in rows if int(row["runs_used"])}
    return [arm for arm in dict.fromkeys(row["arm"] for row in rows) if arm not in there]


def labelled(kept: KeptStudy, dataset: str) -> str:
    """How many images and patients a classifier learns from at each share of the labels, over the draws."""
    place = 1 + [own["id"] for own in kept.plan["datasets"]].index(dataset)
    rows = kept.table(f"labelled_{place}")
    made = []
    for fraction in fractions_of(rows):
        own = [row for row in rows if row["label_fraction"] == fraction]
        names = [f"{split}_{what}" for split in ("training", "validation") for what in ("images", "patients")]
        made.append([share(fraction), str(len(own)), *(_range([int(row[name]) for row in own]) for name in names)])
    header = ["labels", "draws", "training images", "patients", "validation images", "patients"]
    return table(header, made)


def _range(values: list[int]) -> str:
    ends = [f"{own:,}" for own in sorted({min(values), max(values)})]
    return " to ".join(ends)


_SIDES = {"better": "above 0", "worse": "below 0", "not shown": "holds 0"}


def floors(kept: KeptStudy, dataset: str) -> str:
    """Colour and raw pixels at each share of the labels, and what the arms gain over them."""
    rows = [row for row in kept.table("floors") if row["dataset"] == dataset]
    fractions = fractions_of(rows)
    by: dict[tuple[str, str], dict[str, dict[str, str]]] = defaultdict(dict)
    for row in rows:
        by[row["arm"], row["floor"]][row["label_fraction"]] = row
    made = []
    for (arm, floor), own in by.items():
        if not any(row["value"] for row in own.values()):
            continue
        sign = "+" if arm else ""
        cells = [with_interval(own[f], sign=sign) + _limits(own[f]) if f in own else NONE for f in fractions]
        made.append([f"`{arm}` - {floor}" if arm else floor, *cells])
    return table(["", *map(share, fractions)], made)


def _limits(row: dict[str, str]) -> str:
    """On which side of 0 the interval of a gain lies, and which runs are missing."""
    finding = f", {_SIDES.get(row['finding'], row['finding'])}" if row["finding"] else ""
    return finding + _missing(row, "runs")


def _missing(row: dict[str, str], name: str = "runs_used") -> str:
    """How many of the runs that were planned are in a number, where it is not all of them."""
    there, asked = int(row[name]), int(row["runs_asked"])
    return f", {there} of {asked} runs" if there < asked else ""


def shortcuts(kept: KeptStudy) -> str:
    """What shortcuts alone tell with all labels, and shuffled labels, as the report has them."""
    kept_rows = [row for row in kept.table("baselines") if "(chosen" not in row["classifier"]]
    rows = [{name: cell for name, cell in row.items() if name != "run"} for row in kept_rows]
    return table([*rows[0]], (list(row.values()) for row in rows)) if rows else ""


def probing(kept: KeptStudy, dataset: str) -> str:
    """The mean over pretrainings of each stage, with all labels and with the fewest."""
    rows = [row for row in kept.table("probing") if row["dataset"] == dataset and row["stage"] in "1234"]
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["value"]:
            values[row["label_fraction"], row["arm"]][row["stage"]].append(float(row["value"]))
    fractions = fractions_of(rows)
    made = []
    for fraction in dict.fromkeys([*fractions[-1:], *fractions[:1]]):
        for arm in [own["id"] for own in kept.plan["arms"] if (fraction, own["id"]) in values]:
            stages = values[fraction, arm]
            encoders = str(max(len(own) for own in stages.values()))
            made.append([share(fraction), f"`{arm}`", encoders, *(_spread(stages.get(stage, [])) for stage in "1234")])
    return table(["labels", "arm", "encoders", "stage 1", "stage 2", "stage 3", "stage 4"], made)


def _spread(values: list[float]) -> str:
    if not values:
        return NONE
    ends = f" ({percent(str(min(values)))} to {percent(str(max(values)))})" if len(values) > 1 else ""
    return percent(str(sum(values) / len(values))) + ends


def compute(kept: KeptStudy) -> str:
    """Hours of each kind of step, and their sum."""
    rows = kept.table("steps")
    made = [[row["step"], f"{row['done']} of {row['planned']}", hours(row["seconds"])] for row in rows]
    if rows:
        done, planned = (sum(int(row[name]) for row in rows) for name in ("done", "planned"))
        made.append(["all", f"{done} of {planned}", hours(str(sum(float(row["seconds"]) for row in rows)))])
    return table(["step", "done", "hours"], made)


def hours(seconds: str) -> str:
    return f"{float(seconds) / 3600:.2f}"


def in_words(figure: str) -> str:
    """What a figure shows, of its name."""
    of = {"label_efficiency_linear": "Linear evaluation against the share of the labels"}
    of |= {"label_efficiency_finetune": "Fine-tuning against the share of the labels"}
    if figure.startswith("probing"):
        return f"Probing by stage, {share(figure.rpartition('_f')[2])} of the labels; the numbers are in the table"
    name = next((words for start, words in of.items() if figure.startswith(start)), figure)
    return f"{name}; the numbers are in the table"
