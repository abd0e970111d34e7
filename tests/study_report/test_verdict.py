"""Every case of a verdict: it never says more than the interval, the correction and the patients allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monai_mocoi.study_report import Arm, Comparison, Difference, Finding, Metric, finding, sentence_of
from monai_mocoi.study_report.across_words import across_in_words
from monai_mocoi.study_report.headline import headline
from monai_mocoi.study_report.verdict import end, p_in_digits

ARMS = {name: Arm(name, name) for name in ("moco", "mse", "supervised")}


def compared(value: float, low: float, high: float, p: float = 0.04, holm: float | None = None, **other) -> Comparison:
    known = {"draws": 2, "patients": 150, "encoders": (1, 1), "corrected_for": 6}
    difference = Difference(value / 100, low / 100, high / 100, p, holm)
    at = ("d", "finetune", 0.06, "4", "mse", "moco", Metric(), difference)
    return Comparison(*at, **{**known, **other})


def test_the_sentence_of_the_issue() -> None:
    own = compared(2.1, -0.4, 4.7, 0.1, primary=True)
    assert sentence_of(own, ARMS) == (
        "At 6 % of the labels (fine-tuning), MSE gains 2.1 AUC points over MoCo (95 % CI -0.4 to 4.7; p 0.1): not "
        "shown to help. A loss of 0.4 and a gain of 4.7 points both fit the data."
    )


def test_better_says_for_whom() -> None:
    own = compared(2.1, 0.4, 3.8)
    assert finding(own) is Finding.BETTER
    assert sentence_of(own, ARMS).endswith(
        "(95 % CI 0.4 to 3.8; p 0.04): shown to help on patients like these 150 and other draws of the labels, for "
        "this one pretraining of each."
    )
    one = sentence_of(replace(own, draws=1), ARMS)
    assert one.endswith("these 150, for this one draw of the labels, for this one pretraining of each.")
    assert "draw of the labels" not in sentence_of(replace(own, draws=1, fraction=1.0), ARMS)
    assert sentence_of(replace(own, encoders=(3, 0)), ARMS).endswith("for these 3 pretrainings.")
    assert sentence_of(replace(own, encoders=(0, 0)), ARMS).endswith("for these training runs.")
    assert sentence_of(own, ARMS, reach=False).endswith("p 0.04): shown to help.")


@pytest.mark.parametrize("primary", [True, False])
def test_of_a_plan_nothing_is_told_before_all_its_runs_are_there(primary: bool) -> None:
    own = compared(2.1, 0.4, 3.8, primary=primary, asked=4, planned=True)
    assert finding(own) is Finding.INCOMPLETE
    assert sentence_of(own, ARMS) == (
        "At 6 % of the labels (fine-tuning), MSE against MoCo: cannot be told yet. 0 of 4 planned runs are there."
    )
    assert finding(replace(own, few=("2 patients with Mass",))) is Finding.INCOMPLETE
    assert finding(replace(own, difference=Difference(0.021, 0.021, 0.021, 1.0, None))) is Finding.INCOMPLETE
    assert finding(replace(own, planned=False)) is Finding.BETTER
    assert finding(replace(own, asked=0)) is Finding.BETTER


def test_worse() -> None:
    own = compared(-2.1, -3.8, -0.4)
    assert finding(own) is Finding.WORSE
    assert "MSE loses 2.1 AUC points against MoCo (95 % CI -3.8 to -0.4; p 0.04): shown to be worse on" in sentence_of(
        own, ARMS
    )


def test_not_shown_to_be_worse() -> None:
    text = sentence_of(compared(-1, -3, 1, 0.3), ARMS)
    assert text.endswith("not shown to be worse. A loss of 3.0 and a gain of 1.0 points both fit the data.")


@pytest.mark.parametrize(
    ("holm", "found"), [(None, Finding.BETTER), (0.05, Finding.BETTER), (0.051, Finding.NOT_SHOWN)]
)
def test_secondary_ones_are_corrected_and_the_primary_one_is_not(holm: float | None, found: Finding) -> None:
    own = compared(2.1, 0.4, 3.8, 0.01, holm, primary=holm is None)
    assert finding(own) is found
    text = sentence_of(own, ARMS)
    assert ("by Holm" in text) is (holm is not None)
    if found is Finding.NOT_SHOWN:
        assert text.endswith(
            "(95 % CI 0.4 to 3.8; p 0.01, by Holm 0.051): not shown, once corrected for 6 comparisons."
        )


@pytest.mark.parametrize("values", [(5, 3, 7), (-5, -7, -3), (0.1, -1, 1)])
def test_too_few_patients_show_nothing_whatever_the_interval(values: tuple[float, float, float]) -> None:
    own = compared(*values, few=("Mass: positives of 4, negatives of 90",))
    assert finding(own) is Finding.TOO_FEW
    text = sentence_of(own, ARMS)
    assert text.endswith("too few patients to judge (Mass: positives of 4, negatives of 90).")
    assert "shown" not in text


def test_no_number_says_why() -> None:
    own = replace(compared(0, 0, 0), difference=None, trouble="Nothing was tested.")
    assert finding(own) is Finding.NONE
    assert sentence_of(own, ARMS).endswith("MSE against MoCo: no number. Nothing was tested.")


def test_a_difference_that_rounds_to_nothing_has_no_direction() -> None:
    text = sentence_of(compared(0.04, -1, 1.1, 0.9), ARMS)
    assert "MSE differs by less than 0.1 AUC points from MoCo" in text


def test_rounding_does_not_contradict_the_finding() -> None:
    one = sentence_of(compared(2.37, 0.03, 4.71, 0.047), ARMS)
    assert "(95 % CI 0.03 to 4.7; p 0.047): shown to help" in one
    other = sentence_of(compared(2.37, -0.03, 4.77, 0.0502), ARMS)
    assert "(95 % CI -0.03 to 4.8; p 0.0502): not shown to help. A loss of 0.03 and a gain of 4.8 points" in other
    assert [end(own, "+") for own in (0.0, -0.00003, 0.00096, 0.0123)] == ["+0.0", "-0.003", "+0.1", "+1.2"]
    assert [p_in_digits(own) for own in (0.05, 0.04999, 0.0504, 0.3)] == ["0.05", "0.04999", "0.0504", "0.3"]


def test_an_interval_that_ends_at_zero_shows_nothing() -> None:
    assert finding(compared(2, 0, 4)) is Finding.NOT_SHOWN
    assert finding(compared(-2, -4, 0)) is Finding.NOT_SHOWN


def test_all_labels_and_several_data_sets() -> None:
    own = replace(compared(2.1, 0.4, 3.8), fraction=1.0)
    assert sentence_of(own, ARMS, "idc").startswith("idc: with all labels (fine-tuning), MSE gains")
    assert sentence_of(own, ARMS).startswith("With all labels")


@pytest.mark.parametrize("encoders", [(1, 1), (4, 4), (5, 4), (3, 0)])
def test_fewer_than_five_pretrainings_claim_nothing_across_them(encoders: tuple[int, int]) -> None:
    text = across_in_words(compared(2, 1, 3, encoders=encoders), ARMS)
    assert "5 of each are needed" in text
    assert "better" not in text


def test_five_pretrainings_and_a_claim() -> None:
    own = compared(2, 1, 3, encoders=(5, 5), across=Difference(0.02, 0.005, 0.035, 0.01))
    assert across_in_words(own, ARMS) == (
        "Across pretrainings, for these draws of the labels (+2.0 AUC points, 95 % CI 0.5 to 3.5; p 0.01, not "
        "corrected): MSE is better."
    )
    wide = replace(own, across=Difference(0.02, -0.01, 0.05, 0.2))
    assert across_in_words(wide, ARMS).endswith("a difference is not shown.")
    assert across_in_words(replace(own, few=("Mass",)), ARMS).endswith("a difference is not shown.")


def test_what_kind_of_evidence_it_is() -> None:
    own = compared(2, 1, 3)
    assert "fixed in the plan" in headline([own], True)
    assert "exploratory" in headline([own], False)
    assert headline([], False).startswith("Nothing can be compared")


def test_no_variation_is_a_finding_of_its_own() -> None:
    own = compared(2, 2, 2, 1.0)
    own = replace(own, difference=replace(own.difference, varies=False))
    assert finding(own) is Finding.NO_VARIATION
    assert "cannot be told: no variation in the test set" in sentence_of(own, ARMS)


def test_counts_of_both_arms_are_said() -> None:
    assert sentence_of(compared(2, 1, 3, encoders=(3, 2)), ARMS).endswith("for these 3 and 2 pretrainings.")
