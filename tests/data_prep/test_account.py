from __future__ import annotations

import pytest

from data_prep.account import Account, Count, Step

SPLITS = {"training": Count(6, 3), "test": Count(2, 1)}


def test_frames_are_added_and_what_is_left_out_is_taken_off():
    assert Step("read", 10, {"damaged": 2, "empty": 1}, more=3).passed == 10


def test_an_account_that_adds_up_is_kept():
    flow = (Step("found", 10, {"no image": 3}), Step("read", 7, {"damaged": 1}, more=2))
    assert Account("mine", "inhouse", flow, SPLITS).flow == flow


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        ((), "no station"),
        ((Step("found", 10, {}), Step("read", 8, {})), "10 pass 'found', but 8 enter 'read'"),
        ((Step("found", 10, {"no image": 1}),), "9 pass 'found', but the splits hold 8 images"),
    ],
)
def test_an_account_that_loses_a_file_is_refused(flow, told):
    with pytest.raises(ValueError, match=told):
        Account("mine", "inhouse", flow, SPLITS)
