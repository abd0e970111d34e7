"""Verdict: sentences made of differences and their intervals, which never say more than these hold.

"Shown" means: the interval excludes 0, for a secondary comparison also the p-value corrected by Holm is at most 0.05,
and every class that the number is made of has enough patients.
"""

from collections.abc import Mapping, Sequence
from enum import Enum

from monai_mocoi.study_report.compared_arms import SEEDS_FOR_A_CLAIM, Comparison, Difference
from monai_mocoi.study_report.study_arms import Arm
from monai_mocoi.study_report.tested_run import EVALUATIONS, fraction_in_words

ALPHA = 0.05


class Finding(Enum):
    """What a comparison shows."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SHOWN = "not shown"
    TOO_FEW = "too few patients"
    NONE = "no number"


def finding(comparison: Comparison) -> Finding:
    """What a comparison shows; nothing where a class has too few patients, whatever the interval is."""
    own = comparison.difference
    if own is None:
        return Finding.NONE
    if comparison.few:
        return Finding.TOO_FEW
    if not _excludes_zero(own) or (own.p_holm is not None and own.p_holm > ALPHA):
        return Finding.NOT_SHOWN
    return Finding.BETTER if (own.value > 0) != comparison.metric.lower_is_better else Finding.WORSE


def _excludes_zero(own: Difference) -> bool:
    return own.low > 0 or own.high < 0


def sentence_of(comparison: Comparison, arms: Mapping[str, Arm], dataset: str = "", reach: bool = True) -> str:
    """One comparison in a sentence.

    ``dataset``: its name, where there are several. ``reach``: say for which patients and runs a finding holds.
    """
    arm, against = (arms[name].words if name in arms else name for name in (comparison.arm, comparison.against))
    share = fraction_in_words(comparison.fraction)
    where = f"{dataset}: at" if dataset else "At"
    where = (f"{dataset}: with" if dataset else "With") if comparison.fraction == 1 else where
    start = f"{where} {share} ({EVALUATIONS[comparison.evaluation]}), {arm}"
    own, holds = comparison.difference, _reach(comparison) if reach else ""
    if own is None:
        return f"{start} against {against}: no number. {comparison.trouble}"
    text = f"{start} {_moves(own.value, comparison)} {against} ({interval_in_words(own)}; {_p_values(own)})"
    what = finding(comparison)
    if what is Finding.TOO_FEW:
        return f"{text}: too few patients to judge ({'; '.join(comparison.few)})."
    if what is Finding.BETTER:
        return f"{text}: shown to help{holds}."
    if what is Finding.WORSE:
        return f"{text}: shown to be worse{holds}."
    if _excludes_zero(own):
        return f"{text}: not shown, once corrected for {comparison.corrected_for} comparisons."
    better = (own.value > 0) != comparison.metric.lower_is_better
    return f"{text}: not shown to {'help' if better else 'be worse'}. {_both_fit(own, comparison)}"


def _moves(value: float, comparison: Comparison) -> str:
    size = points(abs(value))
    if size == "0.0":
        return f"differs by less than 0.1 {comparison.metric.points} from"
    if comparison.metric.lower_is_better:
        return f"has {size} {comparison.metric.points} {'more' if value > 0 else 'less'} than"
    return f"{'gains' if value > 0 else 'loses'} {size} {comparison.metric.points} {'over' if value > 0 else 'against'}"


def _both_fit(own: Difference, comparison: Comparison) -> str:
    low, high = (own.low, own.high) if not comparison.metric.lower_is_better else (-own.high, -own.low)
    return f"A loss of {points(max(0.0, -low))} and a gain of {points(max(0.0, high))} points both fit the data."


def points(value: float, sign: str = "") -> str:
    """Hundredths with one digit."""
    text = f"{100 * value:{sign}.1f}"
    return text.replace("-0.0", "0.0") if float(text) == 0 else text


def interval_in_words(own: Difference) -> str:
    """``95 % CI -0.4 to 4.7``."""
    return f"95 % CI {points(own.low)} to {points(own.high)}"


def p_in_words(p: float) -> str:
    """``p 0.03``, ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}"


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
    each = " of each" if min(comparison.encoders) else ""
    return f", for {'this one pretraining' if most == 1 else f'these {most} pretrainings'}{each}"


def across_in_words(comparison: Comparison, arms: Mapping[str, Arm]) -> str:
    """The claim about other pretrainings; a sentence that there is none with fewer than five of them."""
    if max(comparison.encoders) == 0 or comparison.difference is None:
        return ""
    if comparison.across is None:
        return (
            f"Other pretrainings of the same methods may come out otherwise: {SEEDS_FOR_A_CLAIM} of each are needed to "
            f"say something about that, and there {_are(comparison.encoders)}."
        )
    own, arm = comparison.across, arms[comparison.arm].words if comparison.arm in arms else comparison.arm
    if comparison.few or not _excludes_zero(own):
        shown = "a difference is not shown"
    else:
        shown = f"{arm} is {'better' if (own.value > 0) != comparison.metric.lower_is_better else 'worse'}"
    numbers = (
        f"{points(own.value, '+')} {comparison.metric.points}, {interval_in_words(own)}; {p_in_words(own.p_value)}"
    )
    return f"Across pretrainings too ({numbers}, not corrected): {shown}."


def _are(encoders: tuple[int, int]) -> str:
    counts = sorted(count for count in encoders if count)
    return f"{'is' if counts[0] == 1 else 'are'} {counts[0]}"


def headline(comparisons: Sequence[Comparison], planned: bool) -> str:
    """What kind of evidence the verdict is."""
    if planned:
        return (
            "The primary comparison, the metric and all arms were fixed in the plan before anything ran. The other "
            "comparisons are secondary; their p-values are corrected together by Holm's method."
        )
    if not comparisons:
        return "Nothing can be compared: there are no two arms on the same data set at the same label fraction."
    return (
        "No plan was registered (there is no plan.json), so that there is no primary comparison: all comparisons are "
        "exploratory. Their p-values are corrected together by Holm's method."
    )
