from __future__ import annotations

from typing import Any

import pytest

from monai_mocoi.errors import RunFolderError
from monai_mocoi.exit_codes import USAGE
from monai_mocoi.runs.same_settings import MAY_DIFFER, check_same_settings


def refusal(saved: dict[str, Any], now: dict[str, Any]) -> str:
    with pytest.raises(RunFolderError) as caught:
        check_same_settings(saved, now, "the run")
    assert caught.value.exit_code == USAGE
    return str(caught.value)


@pytest.mark.parametrize(
    ("saved", "now", "text"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "b 2 -> 3"),
        ({"a": 1}, {"a": 1, "b": "x"}, "b None -> 'x'"),
        ({"a": "crop"}, {"a": "pad"}, "a 'crop' -> 'pad'"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "a [1, 2] -> [1, 3]"),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 1, "d": None}}}, "a.b.d 2 -> None"),
        ({"a": [{"p": 1}, {"p": 2}]}, {"a": [{"p": 1}, {"p": 3}]}, "a.1.p 2 -> 3"),
        ({"a": [{"p": 1}]}, {"a": [{"p": 1}, {"p": 1}]}, "a [{'p': 1}] -> [{'p': 1}, {'p': 1}]"),
        ({"a": {"class": "Cosine", "x": 1}}, {}, "a Cosine -> None"),
        ({"net": {"": "MoCo(m=0.9, k=(7, 7))"}}, {"net": {"": "MoCo(m=0.5, k=(7, 7))"}}, "net m=0.9 -> m=0.5"),
        ({"a": "Conv2d(3, 64, k=(7, 7), s=1)"}, {"a": "Conv2d(3, 64, k=(5, 5), s=1)"}, "a k=(7, 7) -> k=(5, 5)"),
        (
            {"a": "Net(\n  m=1\n  (b): ReLU()\n)"},
            {"a": "Net(\n  m=1\n  (b): GELU()\n)"},
            "a (b): ReLU() -> (b): GELU()",
        ),
        ({"a": "Linear(2, 3)"}, {"a": "Conv2d(2, 3)"}, "a 'Linear(2, 3)' -> 'Conv2d(2, 3)'"),
        ({"a": "9 of 9 (digest ab)"}, {"a": "8 of 9 (digest cd)"}, "a '9 of 9 (digest ab)' -> '8 of 9 (digest cd)'"),
    ],
)
def test_only_what_differs_is_named_with_both_values(saved: dict[str, Any], now: dict[str, Any], text: str) -> None:
    assert f"(before -> now): {text}. Nothing was changed." in refusal(saved, now)


def test_what_changes_nothing_that_is_learnt_may_differ_and_none_is_as_good_as_absent() -> None:
    check_same_settings(dict.fromkeys(MAY_DIFFER, 1) | {"a": 1}, {"a": 1, "b": None}, "the run")


def test_how_often_is_validated_must_not_change_where_the_best_epoch_on_validation_counts() -> None:
    check_same_settings({"val_interval": 1}, {"val_interval": 2}, "the run")
    saved = {"val_interval": 1, "patience": None}
    assert "val_interval 1 -> 2" in refusal(saved, {**saved, "val_interval": 2})


def test_another_network_is_told_in_a_few_lines() -> None:
    text = refusal(*({"network": {f"layer{i}": f"{kind}({i})" for i in range(300)}} for kind in ("Linear", "Conv2d")))
    assert "network.layer11 'Linear(11)' -> 'Conv2d(11)'; and 288 more." in text
    assert len(text) < 1000


@pytest.mark.parametrize(("saved", "now"), [("auto", "bf16"), ("fp16", "auto")])
def test_auto_and_what_it_stands_for_are_told_apart_by_what_it_came_to(saved: str, now: str) -> None:
    check_same_settings({"precision": saved}, {"precision": now}, "the run")
    text = refusal({"trainer": {"precision": "fp16"}}, {"trainer": {"precision": "float32"}})
    assert "trainer.precision 'fp16' -> 'float32'" in text
    assert "set precision to the earlier one (fp16 needs a GPU)" in text


def test_two_precisions_that_were_both_given_differ_at_once() -> None:
    assert "precision 'float32' -> 'bf16'" in refusal({"precision": "float32"}, {"precision": "bf16"})


def test_another_number_of_processes_is_told_with_the_way_out() -> None:
    text = refusal({"world_size": 4}, {"world_size": 1})
    assert "world_size 4 -> 1" in text
    assert "Start as many processes as before" in text


def test_a_run_of_before_there_were_other_architectures_is_continued() -> None:
    check_same_settings({"a": 1}, {"a": 1, "architecture": "resnet50"}, "the run")
    text = refusal({"architecture": "resnet50"}, {"architecture": "resnet18"})
    assert "architecture 'resnet50' -> 'resnet18'" in text
    assert "architecture 'resnet50' -> 'resnet18'" in refusal({"a": 1}, {"a": 1, "architecture": "resnet18"})
    # Which network it had is compared all the same.
    text = refusal(
        {"network": {"": "ResNet(in_planes=2048)"}},
        {"architecture": "resnet18", "network": {"": "ResNet(in_planes=512)"}},
    )
    assert "network in_planes=2048 -> in_planes=512" in text


def test_a_run_of_before_stages_could_be_aligned_is_continued() -> None:
    check_same_settings({"stage_pooling": "spatial"}, {"stage_pooling": "spatial", "stage_min_overlap": 0.1}, "the run")
    text = refusal({"stage_min_overlap": 0.1}, {"stage_min_overlap": 0.2})
    assert "stage_min_overlap 0.1 -> 0.2" in text
    text = refusal({"stage_pooling": "spatial"}, {"stage_pooling": "aligned", "stage_min_overlap": 0.1})
    assert "stage_pooling 'spatial' -> 'aligned'" in text
    assert "stage_min_overlap" not in text


def test_a_run_of_before_the_choice_of_the_best_epoch_was_described_is_continued() -> None:
    by_auc = {"validation": {"BestClassifier": {"metric": "macro_auc", "patience": 3}}}
    by_f1 = {"validation": {"BestClassifier": {"metric": "macro_f1", "patience": 3}}}
    check_same_settings({"a": 1}, {"a": 1, **by_auc}, "the run")
    assert "validation.BestClassifier.metric 'macro_auc' -> 'macro_f1'" in refusal(by_auc, by_f1)
    assert "validation.BestClassifier.metric 'macro_auc' -> None" in refusal(
        by_auc, {"validation": {"BestClassifier": {}}}
    )
