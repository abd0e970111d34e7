"""What settings may be: refused with the name, the value and the limit, by the run and by its plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from monai_mocoi.analysis import IntervalSettings
from monai_mocoi.errors import EvaluationError, SettingsError
from monai_mocoi.exit_codes import USAGE
from monai_mocoi.metrics import fewest_resamples
from monai_mocoi.networks import Classifier, StageEncoder, stages_of
from monai_mocoi.runs import check_settings
from monai_mocoi.runs.setting_ranges import as_flag, check_ranges
from tests.networks.small import small_resnet


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("batch_size", 0, "a whole number of 1 or more (images)"),
        ("max_epochs", 2.5, "a whole number of 1 or more (epochs)"),
        ("max_epochs", "20", "a whole number of 1 or more"),
        ("max_epochs", True, "a whole number of 1 or more"),
        ("seed", -1, "0 or more"),
        ("precision", "fp32", "one of auto, float32, bf16, fp16"),
        ("head", "mlpbn", "one of linear, mlp, mlp_bn"),
        ("on_bad_image", "ignore", "one of stop, skip"),
        ("stage", 5, "one of 1, 2, 3, 4, all"),
        ("stage", "4", "one of 1, 2, 3, 4, all"),
        ("label_fraction", 0, "above 0 and at most 1 (0.1 is 10 %)"),
        ("label_fraction", 6, "above 0 and at most 1 (0.1 is 10 %)"),
        ("label_fraction", float("nan"), "a number above 0 and at most 1"),
        ("ema_momentum", 1.5, "0 or more and at most 1"),
        ("temperature", 0.0, "above 0"),
        ("unusual_limit", 101, "above 0 and at most 100"),
        ("max_grad_norm", -1.0, "above 0 or none"),
        ("recalibrate", "no", "true or false"),
        ("mean", "grey", "a number or a list of numbers"),
        ("crop_area", [0.5], "a list of 2 numbers above 0 and at most 1, the smaller first, or none"),
        ("crop_area", [1.0, 0.8], "the smaller first"),
        ("stage", True, "one of 1, 2, 3, 4, all"),
        ("stage", 4.0, "one of 1, 2, 3, 4, all"),
        ("channels", True, "one of 1, 3"),
        ("cache_bits", 8.0, "one of auto, 8, 16"),
        ("learning_rate", True, "a number above 0"),
        ("seed", 2**32, "a whole number of 0 or more and below 4294967296"),
        ("level", 1, "a number above 0 and below 1 (0.95 is 95 %)"),
        ("std", 0, "a number above 0 or a list of numbers above 0"),
        ("stage_weights", [1.0], "a list of 4 numbers of 0 or more or []"),
        ("stage_map_sizes", [16, 16, 4], "a list of 4 whole numbers of 1 or more"),
        ("decision_thresholds", [], "a list of numbers above 0 and below 1"),
        ("target_sensitivity", [0.9, 0], "a list of numbers above 0 and at most 1, such as [0.9, 0.95]"),
        ("target_specificity", 0.9, "a list of numbers"),
        ("target_specificity", None, "a list of numbers"),
        ("decision_thresholds", [0.5, 1.0], "a list of numbers above 0 and below 1"),
        ("age_bands", [80, 10], "a list of rising years above 0"),
        ("age_bands", [18, 18], "rising years"),
        ("age_bands", [0, 18], "rising years"),
        ("age_bands", [], "rising years"),
        ("age_bands", "18", "a list"),
        ("parts", ["foo"], "a list of some of reuse, probing, ks, embedding"),
        ("parts", "foo", "a list of some of"),
        ("parts", [], "a list of some of"),
        ("probe_fractions", [0.1, 2], "a list of numbers above 0 and at most 1"),
        ("probe_fractions", [0], "a list of numbers above 0"),
        ("probe_fractions", [], "a list of numbers above 0"),
        ("probe_seeds", [-1], "a list of whole numbers of 0 or more"),
        ("probe_seeds", [1.5], "whole numbers"),
        ("probe_seeds", [float("inf")], "whole numbers"),
        ("probe_seeds", [True], "whole numbers"),
    ],
)
def test_refused(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_settings({"bundle": "nih_mse", name: value, "seed": 1} | {name: value})
    assert (refused.value.setting, refused.value.value) == (name, value)
    assert str(refused.value).startswith(f"{name} is {value!r}, but must be ")
    assert allowed in str(refused.value)
    assert refused.value.exit_code == USAGE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 1),
        ("patience", None),
        ("max_grad_norm", None),
        ("max_images", None),
        ("stage_weights", [1, 0, 0, 0.5]),
        ("stage_weights", []),
        ("label_fraction", 1.0),
        ("weight_decay", 0.0),
        ("target_sensitivity", [0.9, 1]),
        ("target_specificity", []),
        ("decision_thresholds", None),
        ("decision_thresholds", [0.1]),
        ("age_bands", [18, 40.5]),
        ("parts", None),
        ("parts", "ks"),
        ("parts", ["ks", "reuse"]),
        ("probe_fractions", [0.01, 1]),
        ("probe_fractions", "$[0.1, 1.0] if @demo else [1]"),
        ("probe_seeds", [0, 3]),
    ],
)
def test_accepted(name: str, value: Any) -> None:
    check_ranges({name: value, "a setting of one's own": -1})


PLACES = (
    *("bundle_root", "dataset_dir", "output_dir", "run_dir", "inference_dir", "analysis_dir", "images", "pretrained"),
    *("label_ids", "subgroups", "finetuned", "few_labels", "all_labels", "all_labels_again"),
)


@pytest.mark.parametrize("name", PLACES)
def test_the_error_of_a_place_does_not_show_it_because_it_may_name_a_person(name: str) -> None:
    check_ranges({name: "scans"})
    check_ranges({name: Path("scans")})
    for value in (b"/scans/Jane_Doe", ["/scans/Jane_Doe", 1]):
        with pytest.raises(SettingsError, match=f"{name} is of the type {type(value).__name__}, but must be") as found:
            check_ranges({name: value})
        assert "Doe" not in str(found.value)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_resamples_are_as_many_as_the_interval_of_a_level_needs(level: float) -> None:
    fewest = fewest_resamples(level)
    check_ranges({"level": level, "resamples": fewest})
    IntervalSettings(resamples=fewest, level=level)
    with pytest.raises(SettingsError, match=f"resamples is {fewest - 1}, but .* needs {fewest} or more"):
        check_ranges({"level": level, "resamples": fewest - 1})
    with pytest.raises(EvaluationError):
        IntervalSettings(resamples=fewest - 1, level=level)


def test_mean_and_std_are_one_number_or_one_a_channel() -> None:
    check_ranges({"channels": 3, "mean": 0.5, "std": 0.25})
    check_ranges({"channels": 3, "mean": [0.5] * 3, "std": [0.25] * 3})
    for mean, std in (([0.5], [0.25]), ([0.5] * 3, 0.25), (0.5, [0.25] * 3)):
        with pytest.raises(SettingsError, match=r"mean is .* one number, or one a channel"):
            check_ranges({"channels": 3, "mean": mean, "std": std})


@pytest.mark.parametrize(("value", "flag"), [("true", True), ("False", False), (True, True), (False, False)])
def test_flags(value: bool | str, flag: bool) -> None:
    assert as_flag("resume", value) is flag


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_what_is_no_flag(value: str) -> None:
    with pytest.raises(SettingsError, match=r"resume is .* must be true or false"):
        as_flag("resume", value)


@pytest.mark.parametrize("value", ["no", "0", 0, 1, None])
def test_a_constant_that_is_true_or_false_is_nothing_else(value: Any) -> None:
    with pytest.raises(SettingsError, match=r"class_weighting is .*, but must be true or false"):
        check_settings({"class_weighting": value})


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"trainable": "all"}, "trainable is 'all', but solver lbfgs needs 'head'"),
        ({"balanced_sampling": True}, "balanced_sampling is True, but solver lbfgs needs False"),
    ],
)
def test_what_the_solver_would_pass_over_is_refused(other: dict[str, Any], text: str) -> None:
    check_ranges({"solver": "gradient", **other})
    with pytest.raises(SettingsError, match=text):
        check_ranges({"solver": "lbfgs", "trainable": "head", "balanced_sampling": False, "world_size": 1, **other})


def test_stage_weights_are_of_the_methods_with_stage_losses() -> None:
    some = [9, 9, 9, 9]
    with pytest.raises(SettingsError, match=r"stage_weights is \[9, 9, 9, 9\], but method moco has no stage losses"):
        check_ranges({"method": "moco", "stage_weights": some})
    check_ranges({"method": "moco", "stage_weights": []})
    for method in ("mse", "barlow"):
        with pytest.raises(SettingsError, match=rf"stage_weights is \[\], but method {method} needs 4"):
            check_ranges({"stage_weights": [], "method": method})
        check_ranges({"stage_weights": some, "method": method})
    check_ranges({"stage_weights": some, "method": "my_own"})


@pytest.mark.parametrize("stage", [1, 2, 3, 4, "all"])
@pytest.mark.parametrize("beyond", [0, 1])
def test_a_batch_of_one_image_is_refused_where_torch_could_not_train(stage: int | str, beyond: int) -> None:
    size = 2 ** (stages_of(stage)[-1] + 1) + beyond
    network = Classifier(StageEncoder(small_resnet()), classes=2, stage=stage)
    settings = {"solver": "gradient", "trainable": "all", "stage": stage, "image_size": size, "batch_size": 1}
    if beyond:
        network(torch.rand(1, 1, size, size))
        check_ranges(settings)
        return
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(torch.rand(1, 1, size, size))
    with pytest.raises(SettingsError, match=r"no batch statistics.* set batch_size to 2 or more"):
        check_ranges(settings)
    for change in ({"batch_size": 2}, {"trainable": "head"}, {"trainable": "head", "solver": "lbfgs"}):
        check_ranges({**settings, **change})


def test_pretraining_needs_two_images_for_the_batch_norm_of_its_heads() -> None:
    pretraining = {"batch_size": 1, "image_size": 64, "head": "mlp_bn"}
    for settings in (
        pretraining,
        {**pretraining, "head": "linear", "barlow_features": 8},
        {**pretraining, "head": "mlp", "image_size": 32},
    ):
        with pytest.raises(SettingsError, match=r"no batch statistics.* set batch_size to 2 or more"):
            check_ranges(settings)
        check_ranges({**settings, "batch_size": 2})
    check_ranges({**pretraining, "head": "linear"})


@pytest.mark.parametrize("subgroups", [None, "columns.csv", ["sex", "view"], []])
def test_subgroups_are_a_file_or_columns_of_the_datalist(subgroups: object) -> None:
    check_ranges({"subgroups": subgroups})


def test_settings_without_effect_or_with_twice_the_effect_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"grad_cam_classes is \['Mass'\], but grad_cam is false"):
        check_ranges({"grad_cam": False, "grad_cam_classes": ["Mass"]})
    check_ranges({"grad_cam": True, "grad_cam_classes": ["Mass"]})
    check_ranges({"grad_cam": False, "grad_cam_classes": None})
    with pytest.raises(SettingsError, match="class_weighting is True, but balanced_sampling is true too"):
        check_ranges({"class_weighting": True, "balanced_sampling": True})
