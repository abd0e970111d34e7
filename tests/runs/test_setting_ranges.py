"""What settings may be: refused with the name, the value and the limit, by the run and by its plan."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from monai_mocoi.data import resolved_cache_bits
from monai_mocoi.engines import PRECISIONS
from monai_mocoi.errors import SettingsError
from monai_mocoi.exit_codes import USAGE
from monai_mocoi.metrics import KERNELS, SELECTION_METRICS
from monai_mocoi.networks import STAGE_KINDS, TRAINABLE, Classifier, StageEncoder, stages_of
from monai_mocoi.report import encoder_analysis
from monai_mocoi.runs import check_settings
from monai_mocoi.runs.setting_ranges import _CHOICES, _FLAGS, PARTS, as_flag, check_ranges
from monai_mocoi.transforms.fit_square import FIT_MODES
from monai_mocoi.transforms.rescale_intensity import INTENSITY_MODES
from tests.bundles.conftest import BUNDLES
from tests.networks.small import small_resnet


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("batch_size", 0, "batch_size is 0, but must be a whole number of 1 or more"),
        ("max_epochs", 2.5, "max_epochs is 2.5, but must be a whole number"),
        ("seed", -1, "0 or more"),
        ("precision", "fp32", "choose one of auto, float32, bf16, fp16"),
        ("head", "mlpbn", "choose one of linear, mlp, mlp_bn"),
        ("on_bad_image", "ignore", "choose one of stop, skip"),
        ("stage", 5, "choose one of 1, 2, 3, 4, all"),
        ("stage", "4", "choose one of 1, 2, 3, 4, all"),
        ("label_fraction", 0, "must be above 0 and at most 1"),
        ("label_fraction", 6, r"must be above 0 and at most 1 \(0.1 is 10 %\)"),
        ("ema_momentum", 1.5, "must be 0 or more and at most 1"),
        ("temperature", 0.0, "must be above 0"),
        ("unusual_limit", 101, "must be above 0 and at most 100"),
        ("max_grad_norm", -1.0, "must be above 0"),
        ("recalibrate", "no", "must be true or false"),
        ("target_sensitivity", [0.9, 0], "must be a list of numbers above 0 and at most 1"),
        ("target_specificity", 0.9, "must be a list of numbers"),
        ("target_specificity", None, "must be a list of numbers"),
        ("decision_thresholds", [0.5, 1.0], "must be a list of numbers above 0 and below 1"),
        ("age_bands", [80, 10], r"age_bands is \[80, 10\], but must be a list of rising years above 0"),
        ("age_bands", [18, 18], "rising years"),
        ("age_bands", [0, 18], "rising years"),
        ("age_bands", [], "rising years"),
        ("age_bands", "18", "must be a list"),
        ("parts", ["foo"], "must be a list of some of reuse, probing, ks, embedding"),
        ("parts", "foo", "must be a list of some of"),
        ("parts", [], "must be a list of some of"),
        ("probe_fractions", [0.1, 2], r"probe_fractions is \[0.1, 2\], but must be a list of numbers above 0 and"),
        ("probe_fractions", [0], "must be a list of numbers above 0"),
        ("probe_fractions", [], "must be a list of numbers above 0"),
        ("probe_seeds", [-1], r"probe_seeds is \[-1\], but must be a list of whole numbers of 0 or more"),
        ("probe_seeds", [1.5], "whole numbers"),
        ("probe_seeds", [float("inf")], "whole numbers"),
        ("probe_seeds", [True], "whole numbers"),
    ],
)
def test_refused(name: str, value: Any, text: str) -> None:
    with pytest.raises(SettingsError, match=text) as refused:
        check_settings({name: value})
    assert refused.value.exit_code == USAGE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 1),
        ("patience", None),
        ("max_grad_norm", None),
        ("max_images", None),
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


def test_the_choices_are_those_of_the_parts_that_use_them() -> None:
    assert _CHOICES["precision"] == PRECISIONS
    assert _CHOICES["metric"] == SELECTION_METRICS
    assert _CHOICES["trainable"] == TRAINABLE
    assert _CHOICES["stage_kind"] == STAGE_KINDS
    assert _CHOICES["kernel"] == KERNELS
    assert _CHOICES["decode_fit"] == FIT_MODES
    assert _CHOICES["intensity"] == INTENSITY_MODES
    assert PARTS == encoder_analysis.PARTS
    for bits in _CHOICES["cache_bits"]:
        assert resolved_cache_bits(bits, [], lambda path: path) in (8, 16)


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


@pytest.mark.parametrize("path", sorted(BUNDLES.glob("*_*/configs/*.json")), ids=lambda p: f"{p.parts[-3]}-{p.name}")
def test_the_bundles_own_constants_are_accepted(path: Any) -> None:
    config = json.loads(path.read_text())
    assert {name for name, value in config.items() if isinstance(value, bool)} <= {*_FLAGS, "overwrite", "resume"}
    check_ranges(
        {
            name: value
            for name, value in config.items()
            if isinstance(value, int | float) or (name in _CHOICES and isinstance(value, str) and value[0] not in "$@")
        }
    )
