"""Section of the verdict: what the study is, and what its comparisons show, in sentences."""

from monai_mocoi.study_report.across_words import across_in_words
from monai_mocoi.study_report.blocks import Bullets, Section, Text
from monai_mocoi.study_report.comparison import Comparison
from monai_mocoi.study_report.headline import headline
from monai_mocoi.study_report.study_results import StudyResults
from monai_mocoi.study_report.verdict import Finding, finding, sentence_of

_HOLDS = (
    "What is shown holds on average for patients like those tested, and for the pretrainings that were run; where a "
    "fraction has several label draws also for other draws, else for the one that was drawn."
)
_LISTED = 6
"""So many comparisons of a kind that shows nothing have a sentence each; more would hide the others."""
_IN_THE_TABLE = (
    "Each is a row of the table in the section on paired differences, with its interval: which gains and losses still "
    "fit the data."
)
_NOT_THERE = "Their runs are missing, or cannot be used or compared; the section on limits says which and why."


def verdict_section(study: StudyResults) -> Section:
    """The primary comparison first, then what is shown, what is not, and what cannot be told."""
    section, plan = Section("verdict", "Verdict"), study.found.plan
    section.blocks.append(
        Text(
            headline(
                study.comparisons, plan is not None, study.planned_metric, study.found.confirmed, study.found.by_hand
            ),
            "note",
        )
    )
    for own in study.comparisons:
        if own.primary:
            section.blocks.append(_sentence(study, own, "Primary comparison. ", "lead"))
            if text := across_in_words(own, study.arms):
                section.blocks.append(Text(text))
    others = [own for own in study.comparisons if not own.primary]
    without = len(others) == len(study.comparisons)  # a primary one
    for title, kinds in (
        ("Shown, once corrected", (Finding.BETTER, Finding.WORSE)),
        ("Not shown", (Finding.NOT_SHOWN,)),
        ("Cannot be told", (Finding.TOO_FEW, Finding.NO_VARIATION, Finding.INCOMPLETE)),
        ("Without a number", (Finding.NONE,)),
    ):
        told = [own for own in others if finding(own) in kinds]
        if told:
            section.blocks.append(
                Text(f"{title}: {len(told)} of {len(others)} {'' if without else 'secondary '}comparisons", "head")
            )
            if kinds != (Finding.BETTER, Finding.WORSE) and len(told) > _LISTED:
                section.blocks.append(Text(_NOT_THERE if kinds == (Finding.NONE,) else _IN_THE_TABLE))
                continue
            section.blocks.append(Bullets([_sentence(study, own) for own in told]))
    if any(finding(own) in (Finding.BETTER, Finding.WORSE) for own in others):
        section.blocks.append(Text(_HOLDS, "note"))
    if without and (text := _across_of_all(study, others)):
        section.blocks.append(Text(text))
    return section


def _sentence(study: StudyResults, own: Comparison, before: str = "", kind: str = "") -> Text:
    links = study.sources.of_runs(own.runs)
    sentence = sentence_of(own, study.arms, study.short_of(own.dataset), reach=own.primary)
    return Text(before + sentence, kind, links)


def _across_of_all(study: StudyResults, others: list[Comparison]) -> str:
    """Of a study without a plan: the first sentence on other pretrainings that says that there is none."""
    told = [across_in_words(own, study.arms) for own in others if own.across is None]
    return next((text for text in told if text), "")
