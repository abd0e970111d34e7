"""Bundles whose stages are compared where both views show the same tissue: ``stage_pooling`` aligned (fault A13)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monai_mocoi.cli.messages import explain
from monai_mocoi.exit_codes import USAGE
from monai_mocoi.networks import AlignedMap
from monai_mocoi.runs.curves import description_of
from tests.support.whole_runs import assert_same, products

Run = Callable[..., ConfigWorkflow]


def curves(folder: Path) -> dict[str, list[float]]:
    found = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    return {tag: [event.value for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nih_mse", "bch_mse", "dr_mse"])
def test_a13_a_run_compares_the_same_tissue_and_says_how_many_pairs_are_left_out(
    name: str, pretrained: Run, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        built = pretrained(name, stage_pooling="aligned", crop_area=[0.1, 0.6], stage_min_overlap=0.4)
    trainer: Any = built.parser.get_parsed_content("train#trainer")
    heads = list(trainer.moco.stage_heads)
    assert [(type(head), head.size, head.min_overlap) for head in heads] == [
        (AlignedMap, size, 0.4) for size in (16, 16, 4, 4)
    ]
    shown = curves(Path("runs") / name / "pretrain")
    assert 0 < sum(shown["overlap/left_out"]) < len(shown["overlap/left_out"])
    assert all(0 < value < 1 for value in shown["overlap/share"])
    # Late stages have few positions a side: turned small crops of a small batch may have no point of them in common.
    assert all(value > 0 for number in (1, 2) for value in shown[f"loss/stage{number}"])
    assert name == "dr_mse" or min(shown["loss/stage3"] + shown["loss/stage4"]) > 0, shown
    assert description_of("overlap/share")
    assert description_of("overlap/left_out")
    assert "pairs left out 0." in caplog.text


@pytest.mark.slow
def test_workers_and_the_place_where_views_are_made_change_nothing(pretrained: Run) -> None:
    options: Any = {"stage_pooling": "aligned", "max_epochs": 1}
    pretrained("nih_mse", **options, output_dir="one")
    pretrained("nih_mse", **options, output_dir="other", num_workers=1, views_on="device")
    one, other = (products(Path(folder) / "pretrain") for folder in ("one", "other"))
    for each in (one, other):
        for settings in (each["checkpoint"]["settings"], each["sidecar"]["settings"]):
            for setting in ("num_workers", "views_on"):
                settings.pop(setting, None)
        each["events"] = {key: value for key, value in each["events"].items() if key[0] != "settings/text_summary"}
    assert_same(one, other)


def refused(run: Callable[[], Any]) -> str:
    with pytest.raises(Exception) as caught:
        run()
    text, code = explain(caught.value)
    assert code == USAGE
    return text


@pytest.mark.parametrize("name", ["nih_mse", "bch_mse", "dr_mse"])
def test_views_tell_how_they_lie_where_stages_are_aligned_by_the_papers_settings_too(name: str, workflow: Run) -> None:
    for pooling in ("spatial", "aligned"):
        built = workflow(name, "paper.json", stage_pooling=pooling)
        assert bool(built.parser.get_parsed_content("views").geometry_keys) == (pooling == "aligned")


@pytest.mark.parametrize("overlay", [[], ["paper.json"]])
def test_a13_views_of_unknown_geometry_are_refused_before_any_work(overlay: list[str], workflow: Run) -> None:
    options: Any = {"stage_pooling": "aligned", "image_size": 48, "decode_size": 48}
    if overlay:
        options["views#geometry"] = False
    else:
        step = {"_target_": "monai.transforms.RandGaussianNoise", "prob": 1.0}
        options["views#transform#transforms#3"] = step
    built = workflow("nih_mse", *overlay, **options)
    text = refused(lambda: (built.initialize(), built.run()))
    expected = "views#geometry" if overlay else "where RandGaussianNoise moves what an image shows is not known"
    assert expected in text
    assert not (Path("runs") / "nih_mse" / "pretrain" / "checkpoints").exists()
