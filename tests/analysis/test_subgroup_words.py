from __future__ import annotations

import numpy as np

from monai_mocoi.analysis import evaluate_subgroups, gaps_of, subgroup_warnings, subgroups_in_words
from monai_mocoi.data import Columns
from tests.support.made_predictions import findings


def report_of(**settings):
    made = findings((0.4,), images=600, patients=300)
    sex, site = (np.array([names[row % len(names)] for row in range(600)]) for names in ("FM", "abc"))
    made.probabilities[sex == "M"] = np.random.default_rng(0).random((300, 1))
    columns = Columns({"sex": list(sex), "site": list(site)}, "groups.csv", without_row=3, unused_rows=7)
    return evaluate_subgroups(made, columns, {"A": 0.5}, **{"resamples": 499, **settings})


def test_the_clearest_gap_is_said_and_shown_gaps_are_warned_of():
    report = report_of()
    said = "\n".join(subgroups_in_words(report))
    gap = gaps_of(report)[0][3]
    assert "Subgroups by sex, site (groups.csv): 5, of which 5 are large enough." in said
    assert "groups.csv: 3 images have no row in it" in said
    assert "groups.csv: 7 of its rows are unused" in said
    assert (
        f"clearest gap of 3: AUC in sex M {gap['group']:.3f}, in F {gap['reference']:.3f}: {gap['value']:+.3f}" in said
    )
    warned = subgroup_warnings(report)
    assert all("sex M" in line for line in warned)
    assert [line.split()[2] for line in warned] == ["AUC", "sensitivity", "specificity"]


def test_too_few_resamples_to_show_any_of_so_many_gaps_are_said():
    assert "99 resamples cannot show any of 3 gaps once they are corrected: set resamples to 120" in "\n".join(
        subgroups_in_words(report_of(resamples=99))
    )
    assert "cannot show" not in "\n".join(subgroups_in_words(report_of(resamples=120)))


def test_no_column_and_no_gap():
    report = evaluate_subgroups(findings(), Columns({}, "datalist"), None, resamples=99)
    assert subgroups_in_words(report) == []
    assert subgroup_warnings(report) == []
