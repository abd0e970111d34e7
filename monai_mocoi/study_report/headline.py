"""Headline of the verdict: what kind of evidence it is."""

from collections.abc import Sequence

from monai_mocoi.study_report.compared_metric import Metric
from monai_mocoi.study_report.comparison import Comparison


def headline(
    comparisons: Sequence[Comparison],
    planned: bool,
    other: Metric | None = None,
    confirmed: bool = True,
    by_hand: int = 0,
) -> str:
    """In sentences.

    ``planned``: there is a plan. ``other``: its metric, if another one was asked for. ``confirmed``: a done marker says
    that something was run by this plan. ``by_hand``: tests that are used without a marker, because their folders record
    what the plan says.
    """
    by_holm = "Their p-values are corrected together by Holm's method."
    if other is not None:
        return (
            f"The metric was chosen at report time, not planned (planned: {other.words}): exploratory. There is no "
            f"primary comparison. {by_holm}"
        )
    if planned and by_hand:
        return (
            "The primary comparison, the metric and all arms are those of the plan. "
            f"{by_hand} {'test was' if by_hand == 1 else 'tests were'} run by hand, without its done markers: all "
            "settings that their folders record are as planned, but nothing shows that the plan was made before them. "
            "What is no setting, such as the steps of the augmentation, is not recorded. The other "
            f"comparisons are secondary; {by_holm[0].lower()}{by_holm[1:]}"
        )
    if planned and not confirmed:
        return (
            "The plan names a primary comparison, the metric and all arms, but no done marker says that anything was "
            "run by this plan, so that nothing shows that it was made before the runs, and none of them is used."
        )
    if planned:
        return (
            "The primary comparison, the metric and all arms were fixed in the plan before anything ran. The other "
            "comparisons are secondary; their p-values are corrected together by Holm's method."
        )
    if not comparisons:
        return "Nothing can be compared: there are no two arms on the same data set at the same label fraction."
    return (
        "No plan was registered (there is no plan.json), so that there is no primary comparison: all comparisons are "
        f"exploratory. {by_holm}"
    )
