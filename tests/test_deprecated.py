from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.bundle import ConfigParser
from typer.testing import CliRunner

from monai_mocoi import losses, metrics, networks
from monai_mocoi.cli.app import app
from monai_mocoi.cli.overrides import check_command
from monai_mocoi.data import Predictions
from monai_mocoi.data.labelled_images import LabelledImages
from monai_mocoi.deprecated import SETTINGS, current_name, current_value
from monai_mocoi.errors import RunFolderError, UsageError
from monai_mocoi.networks import ClassifierCard
from monai_mocoi.runs import check_settings
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


def test_the_kind_of_labels_softmax_is_multiclass_now(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="label_kind softmax is called multiclass now"):
        checked = check_command([str(BUNDLES / "nih_mse" / "configs" / "finetune.json"), "--label_kind", "softmax"])
    assert checked.overrides == {"label_kind": "multiclass"}
    check_settings({"label_kind": "softmax"})  # of a config file
    (tmp_path / "labelled.json").write_text('{"kind": "softmax", "training": [], "validation": []}')
    labelled = LabelledImages.read(tmp_path / "labelled.json")
    assert labelled["kind"] == labelled.kind == "multiclass"
    card: dict[str, Any] = {"kind": "softmax", "mean": 0.5, "std": 0.5}
    card |= dict.fromkeys(("image_size", "decode_size", "channels", "stage"), 1)
    card |= {"labels": ["A", "B"], "thresholds": None, "decode_fit": "crop"}
    assert ClassifierCard.of(card).public()["kind"] == "multiclass"
    said = Predictions(("i",), ("p",), ("A", "B"), "softmax", np.array([0]), np.array([[0.5, 0.5]]))
    assert said.kind == "multiclass"


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


EARLIER = "this config file was written for an earlier version of monai_mocoi. Adapt the bundle again"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_configs_of_an_earlier_version_that_train_are_refused_and_the_others_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {
        "imports": ["$import monai_mocoi"],
        "settings": {"seed": 1, "max_epochs": 2},
        "initialize": ["$monai_mocoi.handlers.check_settings(@settings)"],
        "run": ["$print('it runs')"],
    }
    path = tmp_path / "train.json"
    for training in (True, False):
        if not training:
            del config["settings"]["max_epochs"]  # type: ignore[attr-defined]
        path.write_text(json.dumps(config))
        result = CliRunner().invoke(app, ["run", str(path)])
        assert (result.exit_code, EARLIER in " ".join(result.stderr.split())) == ((2, True) if training else (0, False))
    assert "it runs" in result.stdout + capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("networks.stage_pooling", {"_target_": "monai_mocoi.networks.stage_pooling", "kind": "map"}),
        ("networks.started_from", "$monai_mocoi.networks.started_from(1)"),
        ("networks.torchrun_device", "$monai_mocoi.networks.torchrun_device()"),
        ("handlers.Throughput", {"_target_": "monai_mocoi.handlers.Throughput"}),
    ],
)
def test_what_is_gone_is_refused_by_name_by_plain_monai_too(place: str, content: Any) -> None:
    parser = ConfigParser({"imports": ["$import monai_mocoi"], "part": content})
    with pytest.raises((UsageError, RuntimeError)) as refused:
        parser.get_parsed_content("part")
    error = refused.value if isinstance(refused.value, UsageError) else refused.value.__cause__
    assert isinstance(error, UsageError)
    assert str(error).startswith(f"monai_mocoi.{place} is gone: {EARLIER}")


def test_a_name_that_has_moved_is_found_where_it_was() -> None:
    import monai_mocoi.handlers
    import monai_mocoi.runs

    with pytest.warns(DeprecationWarning, match=r"is monai_mocoi\.runs\.check_run_folder now"):
        assert monai_mocoi.handlers.check_run_folder is monai_mocoi.runs.check_run_folder  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        monai_mocoi.handlers.check_setings  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("package", "old", "new"),
    [
        (metrics, "scored_classes", "evaluable_classes"),
        (metrics, "feature_spread", "std_of_l2_normalized"),
        (losses, "class_probabilities", "class_probabilities"),
        (networks, "read_classifier_sidecar", "read_classifier_card"),
    ],
)
def test_old_names_give_the_new_ones(package: Any, old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=new):
        assert getattr(package, old) is getattr(networks if package is networks else metrics, new)
