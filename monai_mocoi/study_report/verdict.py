"""Verdict: sentences made of differences and their intervals, which never say more than these hold.

"Shown" means: the interval excludes 0, for a secondary comparison also the p-value corrected by Holm is at most 0.05,
every class that the number is made of has enough patients, the test set shows some variation, and every planned run is
in it.
"""

from collections.abc import Mapping
from enum import Enum

from monai_mocoi.study_report.comparison import Comparison, Difference
from monai_mocoi.study_report.study_arms import Arm
from monai_mocoi.study_report.tested_run import EVALUATIONS, fraction_in_words

ALPHA = 0.05
_MOST_DIGITS = 7


class Finding(Enum):
    """What a comparison shows."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SHOWN = "not shown"
    TOO_FEW = "too few patients"
    NO_VARIATION = "no variation"
    INCOMPLETE = "not complete"
    NONE = "no number"


def finding(comparison: Comparison) -> Finding:
    """What a comparison shows; nothing where a class has too few patients, whatever the interval is."""
    own = comparison.difference
    if own is None:
        return Finding.NONE
    if comparison.incomplete:
        return Finding.INCOMPLETE
    if comparison.few:
        return Finding.TOO_FEW
    if not own.varies:
        return Finding.NO_VARIATION
    if not excludes_zero(own) or (own.p_holm is not None and own.p_holm > ALPHA):
        return Finding.NOT_SHOWN
    return Finding.BETTER if own.value > 0 else Finding.WORSE


def excludes_zero(own: Difference) -> bool:
    """Whether its interval does; never where nothing varies."""
    return own.varies and (own.low > 0 or own.high < 0)


def sentence_of(comparison: Comparison, arms: Mapping[str, Arm], dataset: str = "", reach: bool = True) -> str:
    """One comparison in a sentence.

    ``dataset``: its name, where there are several. ``reach``: say for which patients and runs a finding holds.
    """
    arm, against = (arms[name].words if name in arms else name for name in (comparison.arm, comparison.against))
    share = fraction_in_words(comparison.fraction)
    where = f"{dataset}: at" if dataset else "At"
    where = (f"{dataset}: with" if dataset else "With") if comparison.fraction == 1 else where
    lacks = f" ({len(comparison.runs)} of {comparison.asked} runs)" if comparison.lacks else ""
    start = f"{where} {share} ({EVALUATIONS[comparison.evaluation]}), {arm}"
    own, holds = comparison.difference, _reach(comparison) if reach else ""
    if own is None:
        return f"{start} against {against}: no number. {comparison.trouble}"
    what = finding(comparison)
    if what is Finding.INCOMPLETE:  # a number would be an interim look
        there = f"{len(comparison.runs)} of {comparison.asked} planned runs are there"
        return f"{start} against {against}: cannot be told yet. {there}."
    text = f"{start} {_moves(own.value, comparison)} {against} ({interval_in_words(own)}; {_p_values(own)}){lacks}"
    if what is Finding.TOO_FEW:
        return f"{text}: too few patients to judge ({'; '.join(comparison.few)})."
    if what is Finding.NO_VARIATION:
        return (
            f"{text}: cannot be told: no variation in the test set. Leaving out a patient changes nothing, so that "
            "it is too small or too easy to say how certain the difference is."
        )
    if what is Finding.BETTER:
        return f"{text}: shown to help{holds}."
    if what is Finding.WORSE:
        return f"{text}: shown to be worse{holds}."
    if excludes_zero(own):
        return f"{text}: not shown, once corrected for {comparison.corrected_for} comparisons."
    return f"{text}: not shown to {'help' if own.value > 0 else 'be worse'}. {_both_fit(own)}"


def _moves(value: float, comparison: Comparison) -> str:
    size = points(abs(value))
    if size == "0.0":
        return f"differs by less than 0.1 {comparison.metric.points} from"
    return f"{'gains' if value > 0 else 'loses'} {size} {comparison.metric.points} {'over' if value > 0 else 'against'}"


def _both_fit(own: Difference) -> str:
    return f"A loss of {end(max(0.0, -own.low))} and a gain of {end(max(0.0, own.high))} points both fit the data."


def points(value: float, sign: str = "") -> str:
    """Hundredths with one digit."""
    text = f"{100 * value:{sign}.1f}"
    return text.replace("-0.0", "0.0") if float(text) == 0 else text


def interval_in_words(own: Difference) -> str:
    """``95 % CI -0.4 to 4.7``."""
    return f"95 % CI {end(own.low)} to {end(own.high)}"


def end(value: float, sign: str = "") -> str:
    """An end of an interval in hundredths: as many digits as tell on which side of 0 it is, one at least."""
    shown = (f"{100 * value:{sign}.{digits}f}" for digits in range(1, _MOST_DIGITS))
    return next((text for text in shown if float(text) != 0), points(value, sign))


def p_in_digits(p: float) -> str:
    """Two digits, or as many as tell on which side of 0.05 it is."""
    shown = (f"{p:.{digits}g}" for digits in range(2, _MOST_DIGITS))
    return next((text for text in shown if (float(text) > ALPHA) == (p > ALPHA) and float(text) != ALPHA), f"{p:.2g}")


def p_in_words(p: float) -> str:
    """``p 0.03``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p {p_in_digits(p)}"


def _p_values(own: Difference) -> str:
    return p_in_words(own.p_value) + ("" if own.p_holm is None else f", by Holm {p_in_words(own.p_holm)[2:]}")


def _reach(comparison: Comparison) -> str:
    """For which patients and trainings that holds."""
    who = f"on patients like these {comparison.patients:,}"
    draws = " and other draws of the labels" if comparison.draws > 1 else ""
    fixed = "" if comparison.draws > 1 or comparison.fraction == 1 else ", for this one draw of the labels"
    return f" {who}{draws}{fixed}{_encoders(comparison)}"


def _encoders(comparison: Comparison) -> str:
    most = max(comparison.encoders)
    if most == 0:
        return ", for these training runs"
    least = min(comparison.encoders)
    if least not in (0, most):
        return f", for these {comparison.encoders[0]} and {comparison.encoders[1]} pretrainings"
    return f", for {'this one pretraining' if most == 1 else f'these {most} pretrainings'}{' of each' if least else ''}"
