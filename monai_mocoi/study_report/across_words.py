"""Other pretrainings: what a comparison says of them, in a sentence."""

from collections.abc import Mapping

from monai_mocoi.study_report.comparison import SEEDS_FOR_A_CLAIM, Comparison
from monai_mocoi.study_report.study_arms import Arm
from monai_mocoi.study_report.verdict import excludes_zero, interval_in_words, p_in_words, points


def across_in_words(comparison: Comparison, arms: Mapping[str, Arm]) -> str:
    """The claim about other pretrainings; a sentence that there is none with fewer than five of them.

    Nothing of a primary comparison that lacks planned runs.
    """
    if max(comparison.encoders) == 0 or comparison.difference is None or (comparison.primary and comparison.lacks):
        return ""
    if comparison.across is None:
        return (
            f"Other pretrainings of the same methods may come out otherwise: {SEEDS_FOR_A_CLAIM} of each are needed to "
            f"say something about that, and there {_are(comparison.encoders)}."
        )
    own, arm = comparison.across, arms[comparison.arm].words if comparison.arm in arms else comparison.arm
    if comparison.few or not excludes_zero(own):
        shown = "a difference is not shown"
    else:
        shown = f"{arm} is {'better' if own.value > 0 else 'worse'}"
    numbers = (
        f"{points(own.value, '+')} {comparison.metric.points}, {interval_in_words(own)}; {p_in_words(own.p_value)}"
    )
    return f"Across pretrainings, for {_draws(comparison)} ({numbers}, not corrected): {shown}."


def _are(encoders: tuple[int, int]) -> str:
    counts = sorted(count for count in encoders if count)
    return f"{'is' if counts[0] == 1 else 'are'} {counts[0]}"


def _draws(comparison: Comparison) -> str:
    one = "all labels" if comparison.fraction == 1 else "this draw of the labels"
    return one if comparison.draws == 1 else "these draws of the labels"
