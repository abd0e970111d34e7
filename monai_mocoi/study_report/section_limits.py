"""Section of limits: what these runs cannot tell, by their number, patients, draws and seeds."""

from monai_mocoi.study_report.blocks import Bullets, Section, Text
from monai_mocoi.study_report.comparison import SEEDS_FOR_A_CLAIM
from monai_mocoi.study_report.section_results import paper_number
from monai_mocoi.study_report.study_results import StudyResults
from monai_mocoi.study_report.verdict import Finding, finding

_SHOWN = 10  # steps, or folders, that are named one by one


def limits_section(study: StudyResults) -> Section:
    """Sentences, the gravest first."""
    told = [*_missing(study), *_few_patients(study), *_seeds(study), *_draws(study), *_of_method(study)]
    section = Section("limits", "What cannot be concluded")
    section.blocks.append(Bullets([Text(sentence) for sentence in told]))
    if study.problems:
        section.blocks.append(Text(f"Not used: {len(study.problems)}", "head"))
        more = len(study.problems) - _SHOWN
        shown = study.problems[:_SHOWN] + ([f"And {more} more."] if more > 0 else [])
        section.blocks.append(Bullets([Text(sentence) for sentence in shown]))
    return section


def _missing(study: StudyResults) -> list[str]:
    missing, states = study.found.missing(), [own.status for own in study.found.manifests.values()]
    told = []
    if missing:
        planned = sum(len(node.cells) for node in study.found.plan.nodes) if study.found.plan else 0
        named = [f"{name} ({count})" for name, count in missing.items()]
        more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
        told.append(
            f"{sum(missing.values())} of {planned} planned tests are not there yet, or not used, of the steps "
            f"{', '.join(named[:_SHOWN])}{more}. If runs are missing because of how they ended, what is left may be a "
            "biased part of the study."
        )
    if unfinished := [state for state in states if state != "finished"]:
        told.append(f"{len(unfinished)} of {len(states)} runs are not finished, or failed; their tests are not used.")
    return told


def _few_patients(study: StudyResults) -> list[str]:
    told = []
    for dataset in study.datasets:
        if dataset in study.sets and (few := study.sets[dataset].few_patients):
            names = ", ".join(own["class"] for own in few)
            told.append(
                f"{study.words_of(dataset)}: {names} {'has' if len(few) == 1 else 'have'} fewer than 10 patients on "
                "one side, so that no difference is called shown there: more patients must be tested."
            )
        elif dataset not in study.sets:
            told.append(f"{study.words_of(dataset)}: nothing could be measured.")
    return told


def _seeds(study: StudyResults) -> list[str]:
    counts = [len(cell.encoders) for cell in study.cells.values() if cell.encoders]
    if not counts:
        return []
    if min(counts) >= SEEDS_FOR_A_CLAIM:
        return []
    span = f"{min(counts)} to {max(counts)}" if max(counts) > min(counts) else str(min(counts))
    return [
        f"Whether another pretraining of the same method would do the same: arms were pretrained {span} "
        f"{'time' if max(counts) == 1 else 'times'}, and fewer than {SEEDS_FOR_A_CLAIM} say nothing about that. Single "
        "runs are shown as points; intervals hold for these encoders."
    ]


def _draws(study: StudyResults) -> list[str]:
    few = [len(cell.draws) for key, cell in study.cells.items() if key[2] < 1 and cell.runs]
    if not few:
        return []
    if min(few) == 1:
        return [
            "Where a label fraction has one draw, its interval is over patients alone: other labelled images of the "
            "same number could give another result."
        ]
    if min(few) == 2:
        return [
            "Intervals over two label draws hold the truth somewhat less often than they say where draws differ far "
            "more than patients (88 % instead of 95 % at worst, simulated): three or more draws are better."
        ]
    return []


def _of_method(study: StudyResults) -> list[str]:
    told = [
        '"Not shown" is not "no difference": the interval says which differences fit the data.',
        "Patients of another hospital, device or time may give other numbers, unless an external test is shown above.",
        "A difference in a metric is no benefit to patients. This is research software, not a medical device.",
    ]
    if any(finding(own) in (Finding.BETTER, Finding.WORSE) for own in study.comparisons if not own.primary):
        told.insert(1, "Secondary findings, corrected or not, are hypotheses for a further test.")
    if any(paper_number(study, study.name_of(key[0]), cell) for key, cell in study.cells.items()):
        told.append("The paper's numbers are not a comparison: other test images, intervals and settings (see there).")
    return told
