"""Section of paired differences: to supervised (or random weights) and to MoCo, on the same patients and draws."""

from monai_mocoi.figures.paired_differences import DifferenceRow, differences_figure
from monai_mocoi.study_report.blocks import Picture, Section, Table
from monai_mocoi.study_report.sources import shown_links
from monai_mocoi.study_report.study_results import StudyResults
from monai_mocoi.study_report.tested_run import EVALUATIONS, fraction_in_short, fraction_in_words
from monai_mocoi.study_report.verdict import Finding, end, finding, p_in_words, points

_PAIRED: tuple[str, ...] = ("dataset", "evaluation", "label_fraction", "stage", "arm", "against", "primary")
_PAIRED += ("difference", "low", "high", "p_value", "p_value_holm", "corrected_for", "label_draws", "patients")
_PAIRED += ("pretrainings", "pretrainings_against", "runs", "runs_asked", "finding", "run")


def paired_section(study: StudyResults) -> Section:
    """Paired differences to MoCo and to supervised (or random weights): figure and table."""
    section = Section("paired", "Paired differences")
    if not study.comparisons:
        return section.or_say("There are no two arms on the same data set at the same label fraction.")
    rows: list[DifferenceRow] = []
    unit, tests = study.metric.points, max(own.corrected_for for own in study.comparisons)
    table = Table(
        "paired_differences", "Arm less the other, on the same patients and label draws",
        ("labels", "evaluation", "arm", "against", f"difference, {unit} (95 % CI)", "p", "p by Holm", "pre-trainings",
         "finding", "run"),
        columns=_PAIRED,
        note=f"p by Holm: corrected for the {tests} comparisons of this report that are not primary, those without a "
        "number included; a primary one is not corrected, because it was fixed beforehand.",
    )  # fmt: skip
    several = len(study.datasets) > 1
    for own in study.comparisons:
        found, difference = finding(own), own.difference
        where = (f"{study.short_of(own.dataset)}, " if several else "") + fraction_in_short(own.fraction)
        names = study.words(own.arm), study.words(own.against)
        cells = [where, EVALUATIONS[own.evaluation], names[0], names[1]]
        kind = found.value + (" (primary)" if own.primary else "")
        counts = f"{own.encoders[0]}, {own.encoders[1]}"
        numbers: list[object] = [None] * 5
        links = study.sources.of_runs(own.runs)
        if difference is None:
            table.rows.append([*cells, "none", "–", "–", "–", kind, shown_links(links)])
        else:
            shown = f"{points(difference.value, '+')} ({end(difference.low, '+')} to {end(difference.high, '+')})"
            by_holm = "–" if difference.p_holm is None else p_in_words(difference.p_holm).removeprefix("p ")
            p_value = p_in_words(difference.p_value).removeprefix("p ")
            table.rows.append([*cells, shown, p_value, by_holm, counts, kind, shown_links(links)])
            numbers = [difference.value, difference.low, difference.high, difference.p_value, difference.p_holm]
            text = f"{names[0]} - {names[1]}: {fraction_in_words(own.fraction)}" + (" (primary)" if own.primary else "")
            ends = 100 * difference.value, 100 * difference.low, 100 * difference.high
            group = ", ".join(filter(None, [study.short_of(own.dataset), EVALUATIONS[own.evaluation]]))
            if not own.primary and not any(row.value is None and row.text == group for row in rows):
                rows.append(DifferenceRow(group))
            rows.append(DifferenceRow(text, *ends, found in (Finding.BETTER, Finding.WORSE)))
        at = [own.dataset, own.evaluation, own.fraction, own.stage, own.arm, own.against, int(own.primary)]
        table.values.append(
            [
                *at,
                *numbers,
                own.corrected_for,
                own.draws,
                own.patients,
                *own.encoders,
                len(own.runs),
                own.asked,
                found.value,
                " ".join(link.text for link in links),
            ]
        )
    if rows:
        alt = "Paired differences with their 95 % intervals; the numbers are in the table below."
        caption = "Paired differences. Right of the line: the first arm is higher. Filled: shown, once corrected."
        section.blocks.append(Picture("paired_differences", differences_figure(rows, unit), alt, caption))
    section.blocks.append(table)
    return section
