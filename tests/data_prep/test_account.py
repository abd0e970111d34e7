from __future__ import annotations

import random

import pytest

from data_prep.account import Account, Count, Step, count_groups, count_labels, count_splits

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


def _item(patient, label=None, **columns):
    return {"image": "images/x.png", "patient": patient, **columns} | ({} if label is None else {"label": label})


def test_a_patient_counts_once_in_a_split_whatever_the_images():
    items = {"training": [_item("a"), _item("a"), _item("b")], "test": []}
    assert count_splits(items) == {"training": Count(3, 2), "test": Count(0, 0)}


def test_unknown_labels_are_neither_positive_nor_negative():
    items = {"training": [_item("a", [1, None]), _item("a", [0, 1]), _item("b"), _item("c", [0, 0])]}
    assert count_labels(items, ("effusion", "mass")) == {
        "effusion": {"training": {"positive": Count(1, 1), "negative": Count(2, 2), "unknown": Count(1, 1)}},
        "mass": {"training": {"positive": Count(1, 1), "negative": Count(1, 1), "unknown": Count(2, 2)}},
    }


def test_of_classes_the_images_of_another_class_are_negative():
    items = {"test": [_item("a", 0), _item("b", 2), _item("b", 2), {**_item("c"), "label": None}]}
    counted = count_labels(items, ("none", "mild", "severe"))
    assert counted["severe"]["test"] == {"positive": Count(2, 1), "negative": Count(1, 1), "unknown": Count(1, 1)}
    assert counted["mild"]["test"]["positive"] == Count(0, 0)


def test_words_in_order_ages_in_bands_and_the_unknown_last():
    items = {
        "training": [_item("a", sex="M", age=17), _item("b", age=40)],
        "test": [_item("c", sex="F", age=90.0), _item("d", sex="M")],
    }
    groups = count_groups(items)
    assert list(groups["sex"]) == ["F", "M", "not known"]
    assert groups["sex"]["M"] == {"training": Count(1, 1), "test": Count(1, 1)}
    assert list(groups["age"]) == ["under 18", "40 to under 60", "80 or more", "not known"]
    assert groups["age"]["80 or more"] == {"training": Count(0, 0), "test": Count(1, 1)}


@pytest.mark.parametrize("value", [str, float], ids=["many words", "many numbers"])
def test_values_that_could_name_a_patient_are_not_told(value):
    own = [_item(f"p{i}", weight=value(i + 1000)) for i in range(25)] + [_item("p0")]
    groups = count_groups({"training": own})
    assert groups == {"weight": {"known": {"training": Count(25, 25)}, "not known": {"training": Count(1, 1)}}}


def test_one_word_alone_is_told_but_not_one_number():
    items = {"training": [_item("a", view="PA", age=77), _item("b", view="PA", age=77)]}
    assert {column: list(rows) for column, rows in count_groups(items).items()} == {"view": ["PA"], "age": ["known"]}


def test_every_table_sums_to_its_split():
    rng = random.Random(0)
    items = {
        split: [
            _item(
                f"{split}{rng.randrange(9)}", [rng.choice([0, 1, None])], site=rng.choice("AB"), age=rng.randrange(99)
            )
            for _ in range(50)
        ]
        for split in ("training", "test")
    }
    for split, whole in count_splits(items).items():
        for rows in count_groups(items).values():
            assert sum(row[split].images for row in rows.values()) == whole.images
        assert sum(count.images for count in count_labels(items, ("x",))["x"][split].values()) == whole.images
