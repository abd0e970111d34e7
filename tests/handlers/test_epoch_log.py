from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from monai_mocoi.data import Predictions
from monai_mocoi.handlers import EpochLog
from tests.handlers.engine import counting


def test_one_line_an_epoch_with_means_and_validation(caplog: pytest.LogCaptureFixture) -> None:
    validator = counting()
    validator.state.epoch = 1  # validated in the first epoch only
    validator.state.metrics = {"validation/top1": 0.25, "validation/top1_chance": 0.01}

    def step(engine: Any, batch: Any) -> dict[str, float]:
        output = {"loss/total": float(batch + engine.state.epoch)}
        return output if batch == 0 else {**output, "contrastive/top1": 0.5, "speed/images_per_second": 100.0}

    with caplog.at_level(logging.INFO, logger="monai_mocoi.handlers.epoch_log"):
        counting(step=step, handlers=[EpochLog(validator)]).run()
    lines = [r.getMessage() for r in caplog.records if r.name == "monai_mocoi.handlers.epoch_log"]
    assert lines == [
        "epoch 1 of 2: loss 2.000, top-1 0.500, 100 images/s, validation: top-1 0.250, chance 0.010",
        "epoch 2 of 2: loss 3.000, top-1 0.500, 100 images/s",
    ]


def test_another_training_names_its_own(caplog: pytest.LogCaptureFixture) -> None:
    validator = counting()
    validator.state.epoch = 1
    validator.state.metrics = {"validation/macro_auc": 0.8123, "validation/loss": 0.39, "validation/macro_f1": 0.5}
    log = EpochLog(
        validator,
        means={"loss/total": "loss"},
        metrics={"validation/loss": "loss", "validation/macro_auc": "macro AUC"},
    )

    def step(engine: Any, batch: Any) -> dict[str, float]:
        return {"loss/total": 0.412, "contrastive/top1": 1.0, "speed/images_per_second": 310.0}

    with caplog.at_level(logging.INFO, logger="monai_mocoi.handlers.epoch_log"):
        counting(max_epochs=1, step=step, handlers=[log]).run()
    (line,) = [r.getMessage() for r in caplog.records if r.name == "monai_mocoi.handlers.epoch_log"]
    assert line == "epoch 1 of 1: loss 0.412, 310 images/s, validation: loss 0.390, macro AUC 0.812"


@pytest.mark.parametrize(
    ("images", "positives", "words"),
    [
        (5, 2, " (5 image(s): means nothing)"),
        (19, 6, " (19 image(s): means nothing)"),
        (20, 4, " (no class has 5 positive and 5 negative images: means nothing)"),
        (20, 5, ""),
    ],
)
def test_metrics_of_a_handful_of_images_say_so(
    images: int, positives: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    validator = counting()
    validator.state.epoch = 1
    validator.state.metrics = {"validation/macro_auc": 1.0}
    labels = np.array([[int(i < positives), 0] for i in range(images)])
    names = tuple(map(str, range(images)))
    validator.predictions = Predictions(names, names, ("A", "B"), "multilabel", labels, labels * 0.9)  # type: ignore[attr-defined]
    log = EpochLog(validator, means={}, metrics={"validation/macro_auc": "macro AUC"})
    with caplog.at_level(logging.INFO, logger="monai_mocoi.handlers.epoch_log"):
        counting(max_epochs=1, step=lambda engine, batch: {}, handlers=[log]).run()
    (line,) = [r.getMessage() for r in caplog.records if r.name == "monai_mocoi.handlers.epoch_log"]
    assert line.endswith(f"validation: macro AUC 1.000{words}")
