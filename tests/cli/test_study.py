"""``mocoi study plan`` checks every step before it writes a file; the example and the schema fit the code."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
import yaml
from typer.testing import Result

from monai_mocoi.cli import study_checks
from monai_mocoi.demo import generate_demo
from monai_mocoi.networks import resnet
from monai_mocoi.networks.architectures import ResNetShape
from monai_mocoi.networks.resnet_shape import monai_resnet
from monai_mocoi.study import Study, made_plan, placed, read_plan, read_study, study_of
from tests.study.studies import SMALL
from tests.support.loaded_modules import loaded_by

Mocoi = Callable[..., Result]

SIZES: dict[str, Any] = {config: {"image_size": 32} for config in ("train", "finetune", "analyze")}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate_demo(tmp_path_factory.mktemp("data") / "chest", patients=40, size=40, progress=False)


@pytest.fixture
def planned(mocoi: Mocoi, dataset: Path, tmp_path: Path) -> Callable[..., Result]:
    """Write a study with changes, and plan it."""

    def planned(external: str | None = None, **changed: Any) -> Result:
        datasets = [{"id": "chest", "modality": "nih", "dataset_dir": str(dataset), "external_dir": external}]
        content = SMALL | {"datasets": datasets, "fractions": [1.0, 0.5], "output_dir": "out"} | changed
        content["primary"] = SMALL["primary"] | {"fraction": 0.5} | changed.get("primary", {})
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(content))
        return mocoi("study", "plan", str(tmp_path / "study.yaml"))

    return planned


def test_a_plan_is_made_and_stays(planned: Callable[..., Result], dataset: Path, tmp_path: Path) -> None:
    result = planned()
    assert result.exit_code == 0, result.output
    made = read_plan(tmp_path / "out")
    assert f"hash {made.hash}" in result.output
    seeds = "1, 2: of pretraining (moco, mse); random weights and training, no pretraining (random, supervised)"
    assert f"Seeds {seeds}\n" in result.output
    assert made.datasets[0].dataset_sha256 == hashlib.sha256((dataset / "datalist.json").read_bytes()).hexdigest()
    assert "Primary comparison: mse against moco, linear, 50 % of the labels of chest; auc" in result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["commands.txt", "plan.json"]
    assert "as it was" in planned().output


def test_an_arm_of_an_overlay_may_have_the_settings_of_all(planned: Callable[..., Result]) -> None:
    """Linear evaluations are given those of fine-tunings, too."""
    paper = {"id": "x", "kind": "pretrain", "method": "mse", "overlay": "paper"}
    settings = SIZES | {"train": {"image_size": 32, "max_epochs": 2, "batch_size": 4, "queue_size": 8}}
    settings["finetune"] = {"image_size": 32, "max_epochs": 2, "learning_rate": 0.1}
    result = planned(arms=["mse", "moco", "random", paper], settings=settings)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"settings": {"train": {"max_epoch": 3}}},
            "there is no setting max_epoch in train.json: did you mean max_epochs?",
        ),
        ({"settings": {"finetune": {"batch_size": 0}}}, "batch_size"),
        ({"settings": {"evaluate": {"level": 2}}}, "level"),
        ({"settings": {"train": {"batch_size": 4096}}}, "4096"),
        (
            {
                "arms": ["mse", "moco", {"id": "x", "kind": "pretrain", "method": "mse", "overlay": "paper"}],
                "settings": {**SIZES, "train": {"image_size": 32, "learning_rate_per_256": 0.1}},
            },
            "learning_rate_per_256 would change nothing: paper.json has learning_rate of its own",
        ),
        ({"metric": {"label": "Fracture"}}, "metric.label is 'Fracture', but chest has the labels Cardiomegaly"),
        ({"fractions": [1.0, 0.5, 0.001], "label_seeds": list(range(9))}, "fraction 0.001, draw "),
        ({"external": "/nowhere"}, "external_dir: "),
        ({"arms": ["mse", "moco", {"id": "w", "kind": "weights", "weights": "gone.pt"}]}, "gone.pt"),
    ],
)
def test_nothing_is_written_if_one_step_would_be_refused(
    planned: Callable[..., Result], tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    result = planned(**changed)
    assert result.exit_code == 2, result.output
    assert "so nothing was written" in result.output
    assert words in result.output
    assert not (tmp_path / "out").exists()


def test_given_weights_are_of_the_architecture_of_their_arm(planned: Callable[..., Result], tmp_path: Path) -> None:
    with torch.device("meta"):
        state = resnet("resnet18").state_dict()
    made = {name: torch.zeros(()).to(own.dtype).expand(own.shape) for name, own in state.items()}
    torch.save(made, tmp_path / "w.pt")
    arm = {"id": "given", "kind": "weights", "weights": "w.pt"}
    result = planned(arms=["mse", "moco", arm])
    assert result.exit_code == 2
    text = "its weights are those of a resnet18, but its architecture is resnet50: write architecture: resnet18 (given)"
    assert text in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()
    with torch.device("meta"):
        deep = monai_resnet(ResNetShape("bottleneck", (3, 8, 36, 3), (64, 128, 256, 512), 3), None)
    small = {name: torch.zeros(()).to(own.dtype).expand(own.shape) for name, own in deep.state_dict().items()}
    torch.save(small, tmp_path / "deep.pt")
    text = "its weights are those of a resnet152, but its architecture is resnet50: give those of a resnet50 (given)"
    assert text in " ".join(planned(arms=["mse", "moco", {**arm, "weights": "deep.pt"}]).output.split())
    result = planned(arms=["mse", "moco", {**arm, "architecture": "resnet18"}])
    assert result.exit_code == 0, result.output


def test_an_external_data_set_of_other_labels(planned: Callable[..., Result], dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "other")
    datalist = json.loads((tmp_path / "other" / "datalist.json").read_text())
    datalist["labels"] = {key: f"other {name}" for key, name in datalist["labels"].items()}
    (tmp_path / "other" / "datalist.json").write_text(json.dumps(datalist))
    result = planned(external=str(tmp_path / "other"))
    assert "none of which the data set has (Cardiomegaly" in result.output
    shutil.rmtree(tmp_path / "other")
    assert planned(external=str(dataset)).exit_code == 0


def test_steps_that_are_alike_are_asked_once(monkeypatch: pytest.MonkeyPatch, dataset: Path, tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []
    before = study_checks._refused
    monkeypatch.setattr(study_checks, "_refused", lambda words, folder: asked.append(words) or before(words, folder))
    datasets = [{"id": "chest", "modality": "nih", "dataset_dir": str(dataset)}]
    counts = []
    for seeds in ([1], [1, 2, 3, 4, 5, 6]):
        own = placed(study_of(SMALL | {"datasets": datasets, "label_seeds": seeds, "pretrain_seeds": seeds}), tmp_path)
        asked.clear()
        study_checks.refusals(own, made_plan(own))
        counts.append(len(asked))
    # A probing names its draws, and so does the first of each kind.
    assert counts[0] == counts[1] < 40


def test_the_schema_in_the_docs_is_the_command_s(mocoi: Mocoi, repository: Path, tmp_path: Path) -> None:
    shown = mocoi("study", "schema").output
    assert shown == (repository / "docs" / "study.schema.json").read_text(), (
        "mocoi study schema --out docs/study.schema.json"
    )
    mocoi("study", "schema", "--out", str(tmp_path / "schema.json"))
    assert (tmp_path / "schema.json").read_text() == shown


def test_the_example_is_a_study_and_fits_the_schema(repository: Path) -> None:
    example = repository / "docs" / "study_demo.yaml"
    own = read_study(example)
    assert {dataset.modality for dataset in own.datasets} == {"nih", "bch", "dr"}
    jsonschema.validate(
        yaml.safe_load(example.read_text()), json.loads((repository / "docs" / "study.schema.json").read_text())
    )
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "a"}, Study.model_json_schema())


def test_run_without_a_plan(mocoi: Mocoi) -> None:
    result = mocoi("study", "run", "nowhere")
    assert result.exit_code == 2
    assert "plan.json cannot be read" in result.output


def test_a_file_that_cannot_be_used_is_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("name: demo\n")
    for name, reason in {"nowhere.yaml": "cannot be read", "study.yaml": "datasets"}.items():
        refused = loaded_by("study", "plan", tmp_path / name)
        assert reason in refused.stderr
        assert "LOADED []" in refused.stdout
