"""The bundles' configs, run in this process on small phantoms with a small network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigWorkflow
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monai_mocoi.networks import StageEncoder, load_encoder
from monai_mocoi.runs.curves import description_of
from tests.bundles.conftest import NAMES, some_fast
from tests.networks.small import small_resnet

Run = Callable[..., ConfigWorkflow]


@pytest.mark.parametrize("name", some_fast(NAMES))
def test_a_run_writes_what_the_readme_promises(name: str, pretrained: Run) -> None:
    pretrained(name)
    folder = Path("runs") / name / "pretrain"
    assert sorted(p.name for p in folder.iterdir()) == [
        "checkpoints",
        "config.json",
        "encoder.json",
        "encoder.pt",
        "heads.pt",
        "manifest.json",
        "seen_images.json",
        "tensorboard",
    ]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["seed"] == 1
    config = json.loads((folder / "config.json").read_text())
    assert (config["image_size"], config["batch_size"], config["learning_rate"]) == (32, 8, 0.2 * 8 / 256)
    sidecar = json.loads((folder / "encoder.json").read_text())
    assert sidecar["method"] == name.split("_")[1]
    expected = (0.5, 0.25, 1, 32) if name.startswith("nih") else ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 3, 32)
    assert (sidecar["mean"], sidecar["std"], sidecar["channels"], sidecar["image_size"]) == expected
    assert sidecar["dataset_sha256"] == manifest["dataset_sha256"]
    assert not load_encoder(StageEncoder(small_resnet()), folder / "encoder.pt").missing

    curves = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    tags = set(curves.Tags()["scalars"])
    wanted = {"loss/total", "loss/contrastive", "Progress/relative_loss", "schedule/learning_rate", "queue/fill"}
    wanted |= {"Progress/validation_relative_loss", "Progress/guessing"}
    wanted |= {"similarity/positive", "similarity/negative", "spread/embedding"}
    wanted |= {f"speed/{name}" for name in ("images_per_second_training", "images_per_second_epoch", "seconds_data")}
    wanted |= {f"speed/seconds_{phase}" for phase in ("step", "validation", "checkpoints", "monitor", "probe", "other")}
    wanted |= {f"spread/stage{i}" for i in range(1, 5)} | {"validation/top1", "validation/top5"}
    if not name.endswith("moco"):
        wanted |= {f"loss/stage{i}" for i in range(1, 5)}
    assert wanted <= tags
    steps = list(range(1, manifest["iterations"] + 1))
    assert [e.step for e in curves.Scalars("queue/fill")] == steps
    full = [e.step for e in curves.Scalars("queue/fill") if e.value == 1]
    for name in ("loss/total", "loss/contrastive"):  # before, they climb with the number of negatives
        assert [e.step for e in curves.Scalars(name)] == full
    assert len(full) < len(steps)
    assert [e.step for e in curves.Scalars("Progress/relative_loss")] == steps[1:]
    assert {e.value for e in curves.Scalars("Progress/guessing")} == {1.0}
    every = {tag for kind in ("scalars", "images", "tensors") for tag in curves.Tags()[kind]}
    assert sorted(every, key=str)[0].startswith("Progress/")
    sentences = {tag: curves.SummaryMetadata(tag).summary_description for tag in every - {"custom_scalars__config__"}}
    assert {tag: description_of(tag) for tag in sentences} == sentences
    assert all(sentences.values())
    assert [e.step for e in curves.Scalars("validation/top1")] == [1, 2]
    assert curves.Tags()["images"] == ["views/pairs"]
    assert "settings/text_summary" in curves.Tags()["tensors"]


def test_a26_the_same_seed_gives_the_same_encoder_whatever_the_workers(pretrained: Run) -> None:
    encoders = []
    for number, overrides in enumerate(({}, {"num_workers": 2}, {"seed": 2})):
        pretrained("nih_barlow", output_dir=f"run{number}", max_epochs=1, **overrides)
        encoders.append(torch.load(f"run{number}/pretrain/encoder.pt", weights_only=True))
    assert all(torch.equal(value, encoders[1][name]) for name, value in encoders[0].items())
    assert not torch.equal(encoders[0]["conv1.weight"], encoders[2]["conv1.weight"])


def test_a8_every_method_starts_from_the_same_weights(workflow: Run) -> None:
    starts: list[dict[str, torch.Tensor]] = []
    for name in ("nih_moco", "nih_mse", "nih_barlow"):
        built = workflow(name)
        built.initialize()
        starts.append(built.network_def.query_encoder.state_dict())
    for other in starts[1:]:
        assert all(torch.equal(value, other[name]) for name, value in starts[0].items())
    assert float(starts[0]["backbone.layer1.0.bn3.weight"].abs().sum()) == 0


def test_a7_paper_overlay_sets_the_papers_settings(workflow: Run) -> None:
    for name in ("nih_moco", "nih_mse", "nih_barlow"):
        built = workflow(name, "paper.json", queue_size=65536)
        built.initialize()
        parser = built.parser
        settings = parser.get_parsed_content("settings")
        expected = {
            "learning_rate": 0.03,
            "cosine": False,
            "warmup_steps": 0,
            "sgd_momentum": 0.9,
            "weight_decay": 1e-4,
            "head": "linear",
            "ema_momentum": 0.999,
            "temperature": 0.07,
            "queue_size": 65536,
            "mask_own_image": False,
            "bn_splits": 1,
        }
        assert {key: settings[key] for key in expected} == expected
        trainer = parser.get_parsed_content("train#trainer")
        moco = trainer.network
        assert moco.queue.size == 65536
        assert [type(layer).__name__ for layer in moco.query_head] == ["Linear"]
        assert not moco.mask_own_image
        if name == "nih_mse":
            assert trainer.stage_weights == (0.25,) * 4
            assert trainer.stage_loss.normalize is False
            assert [head.size for head in moco.stage_heads] == [16, 16, 4, 4]
        if name == "nih_barlow":
            assert trainer.stage_weights == (5e-5,) * 4
            assert (trainer.stage_loss.off_diagonal_weight, trainer.stage_loss.divisor) == (1, 32)


def test_paper_overlay_runs(pretrained: Run) -> None:
    built = pretrained("nih_mse", "paper.json", max_epochs=1, image_size=48)
    assert (Path("runs") / "nih_mse" / "pretrain" / "encoder.pt").is_file()
    assert built.parser.get_parsed_content("validate#dataset")[0]["view1"].shape == (1, 48, 48)


def test_a10_learning_rate_follows_the_global_batch(workflow: Run) -> None:
    built = workflow("nih_moco", batch_size=16, accumulation_steps=2)
    built.initialize()
    assert built.parser.get_parsed_content("learning_rate") == pytest.approx(0.2 * 32 / 256)


def test_a9_queue_is_bounded_by_half_the_training_set(workflow: Run, dataset: Path) -> None:
    built = workflow("nih_moco", queue_size=10_000)
    built.initialize()
    training = len(json.loads((dataset / "datalist.json").read_text())["training"])
    assert built.network_def.queue.size == training // 2


def test_views_of_a_pair_differ_and_are_the_same_at_every_validation(workflow: Run) -> None:
    built = workflow("nih_mse")
    built.initialize()
    dataset = built.parser.get_parsed_content("validate#dataset")
    first, again = dataset[0], dataset[0]
    assert first["view1"].shape == (1, 32, 32)
    assert not torch.equal(first["view1"], first["view2"])
    assert torch.equal(first["view1"], again["view1"])
    assert torch.equal(first["view2"], again["view2"])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"dataset_dir": "nowhere"}, "Prepare it first"),
        ({"head": "conv"}, "linear, mlp, mlp_bn"),
        ({"cosine": "false"}, "write False"),
        ({"batch_size": 4096}, "but 4096 are needed: lower batch_size"),
        ({"temperature": 0}, "temperature is 0"),
    ],
)
def test_bad_settings_are_refused_before_a_run_folder_exists(
    pretrained: Run, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(Exception) as caught:
        pretrained("nih_mse", **overrides)
    texts, error = [], caught.value
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    assert any(message in text for text in texts)
    assert not Path("runs").exists()


def test_a_change_deep_in_the_config_shows_in_what_is_recorded(pretrained: Run) -> None:
    pretrained("nih_mse", max_epochs=1, **{"views#transform#transforms#0#degrees": 25})
    config = json.loads(Path("runs/nih_mse/pretrain/config.json").read_text())
    components = config["components"]
    rotation = components["data"]["views"]["views"]["transform"]["transforms"][0]
    assert (rotation["class"], rotation["degrees"]) == ("RandRotation", [-25, 25])
    assert components["optimizer"]["groups"][0]["momentum"] == 0.9
    assert components["trainer"]["stage_loss"] == {"": "StageMSELoss(normalize=True)"}
    assert components["network"]["stage_heads.0"].startswith("PooledMap")


def test_no_local_path_travels_with_the_product(pretrained: Run, dataset: Path) -> None:
    pretrained("nih_mse", max_epochs=1)
    for file in Path("runs/nih_mse/pretrain").rglob("*"):
        if file.is_file():
            assert str(dataset).encode() not in file.read_bytes(), file.name


def test_three_channels_have_a_mean_each(workflow: Run) -> None:
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.25, 0.125]
    grey = workflow("nih_moco", channels=3)
    coloured = workflow("nih_moco", channels=3, mean=mean, std=std)
    views = []
    for built in (grey, coloured):
        built.initialize()
        views.append(built.parser.get_parsed_content("validate#dataset")[0]["view1"])
    pixels = views[0] * 0.25 + 0.5
    expected = (pixels - torch.tensor(mean).reshape(3, 1, 1)) / torch.tensor(std).reshape(3, 1, 1)
    torch.testing.assert_close(views[1], expected, rtol=1e-4, atol=1e-5)


def test_a24_an_earlier_run_is_not_touched(pretrained: Run) -> None:
    pretrained("nih_moco", max_epochs=1)
    before = Path("runs/nih_moco/pretrain/encoder.pt").read_bytes()
    with pytest.raises(RuntimeError) as caught:
        pretrained("nih_moco", max_epochs=1, seed=2)
    assert "already holds a run" in str(caught.value.__cause__)
    assert Path("runs/nih_moco/pretrain/encoder.pt").read_bytes() == before
    pretrained("nih_moco", max_epochs=1, seed=2, overwrite=True)
    assert Path("runs/nih_moco/pretrain/encoder.pt").read_bytes() != before
