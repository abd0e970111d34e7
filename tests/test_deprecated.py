from __future__ import annotations

from typing import Any

import pytest

from monai_mocoi import losses, metrics
from monai_mocoi.cli.overrides import check_command
from monai_mocoi.deprecated import SETTINGS, current_name, current_value
from monai_mocoi.errors import RunFolderError, UsageError
from monai_mocoi.runs.same_settings import check_same_settings
from tests.bundles.conftest import BUNDLES


def test_an_old_name_is_taken_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="decode_fit is called resize_mode now"):
        assert current_name("decode_fit", {"resize_mode"}) == "resize_mode"
    with pytest.warns(DeprecationWarning, match="views is called train_transforms now"):
        assert current_name("views#transforms#0", {"train_transforms"}) == "train_transforms#transforms#0"
    with pytest.warns(DeprecationWarning, match="stage_pooling map is called spatial now"):
        assert current_value("stage_pooling", "map") == "spatial"


def test_other_names_stay(recwarn: pytest.WarningsRecorder) -> None:
    assert current_name("views", {"views", "train_transforms"}) == "views"
    assert current_name("weights", {"weights"}) == "weights"
    assert current_name("temprature", {"temperature"}) == "temprature"
    assert current_value("pooling", "map") == "map"
    assert current_value("stage_pooling", 3) == 3
    assert not recwarn.list


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_command_line_takes_old_names() -> None:
    train, finetune = (str(BUNDLES / "nih_mse" / "configs" / f"{name}.json") for name in ("train", "finetune"))
    checked = check_command([train, "--decode_fit", "pad", "--stage-kind", "vector"])
    assert checked.overrides == {"resize_mode": "pad", "stage_pooling": "global"}
    checked = check_command([finetune, "--views#transforms#0#degrees", "5"])
    assert checked.overrides == {"train_transforms#transforms#0#degrees": 5}
    assert set(SETTINGS.values()) <= set(checked.config) | {"stage_pooling"}


@pytest.mark.parametrize(
    ("config", "words", "instead"),
    [
        ("evaluate", "--label_fraction 0.1", "as run_dir"),
        ("inference", "--label-fraction 0.1", "as run_dir"),
        ("train", "--rank 1", "torchrun decides"),
        ("analyze", "--world_size 2", "torchrun decides"),
        ("finetune", "--linear#trainer#seed 1", "with solver lbfgs"),
    ],
)
def test_a_setting_that_is_gone_is_refused_with_what_replaces_it(config: str, words: str, instead: str) -> None:
    with pytest.raises(UsageError, match=f"there is no setting .*: .*{instead}"):
        check_command([str(BUNDLES / "nih_mse" / "configs" / f"{config}.json"), *words.split()])


def test_a_run_of_old_names_is_not_continued() -> None:
    with pytest.raises(RunFolderError, match="decode_fit 'crop' -> None; resize_mode None -> 'crop'"):
        check_same_settings({"decode_fit": "crop", "seed": 1}, {"resize_mode": "crop", "seed": 1}, "the checkpoint")


def test_a_name_that_has_moved_is_found_where_it_was() -> None:
    import monai_mocoi.handlers
    import monai_mocoi.runs

    with pytest.warns(DeprecationWarning, match=r"is monai_mocoi\.runs\.check_settings now"):
        assert monai_mocoi.handlers.check_settings is monai_mocoi.runs.check_settings  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        monai_mocoi.handlers.check_setings  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("package", "old", "new"),
    [
        (metrics, "scored_classes", "evaluable_classes"),
        (metrics, "feature_spread", "std_of_l2_normalized"),
        (losses, "class_probabilities", "class_probabilities"),
    ],
)
def test_old_names_of_metrics_and_losses_give_the_new_ones(package: Any, old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=new):
        assert getattr(package, old) is getattr(metrics, new)
