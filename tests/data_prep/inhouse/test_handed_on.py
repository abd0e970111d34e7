from __future__ import annotations

from data_prep.inhouse.drafts import hand_on
from tests.support.some_drafts import some_draft


def test_columns_their_kinds_and_what_became_of_rare_values() -> None:
    drafts = [
        some_draft(
            f"i{k}",
            f"p{k}",
            site=f"site {k % 2}",
            covariates={"weight": 50 + k, "dye": "AB"[k == 0]} | ({"ward": f"w{k}"} if k < 6 else {}),
            age=30.0 + k,
        )
        for k in range(12)
    ]
    found = hand_on(drafts, ["weight", "dye", "ward"], str.upper, 5)
    assert found.kinds == {"ages": ["age"], "numbers": ["weight"], "words": ["dye", "site", "ward"]}
    assert found.of_image["i3"] == {"age": 33, "site": "SITE 1", "weight": 53, "dye": "A", "ward": "other"}
    assert "dye" not in found.of_image["i0"]
    assert set(found.columns) == {"age", "site", "weight", "dye", "ward"}
    numbers, dye, ward = found.decisions
    assert "weight" in numbers
    assert dye.startswith("1 values of the column dye with fewer than 5 patients were taken out")
    assert ward == '6 values of the column ward with fewer than 5 patients are together "other".'
    said = " ".join(found.sentences(5))
    for words in ("(columns: age)", "(columns: weight)", "(columns: dye, site, ward)"):
        assert words in said
    assert "dye" not in " ".join(found.sentences(1))
