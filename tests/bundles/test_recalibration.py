"""The postprocessing of inference.json, which other programs read, with recalibration and without."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser

from monai_mocoi.metrics import apply_recalibration
from tests.bundles.conftest import BUNDLES

RECORD = {"method": "platt", "classes": {"B": {"intercept": -0.5, "slope": 0.6}}}


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
@pytest.mark.parametrize("recalibrate", [False, True])
def test_postprocessing_recalibrates_when_asked(kind: str, recalibrate: bool) -> None:
    config = json.loads((BUNDLES / "nih_mse" / "configs" / "inference.json").read_text())
    assert config["recalibrate"] is False
    known = {"labels": ["A", "B"], "kind": kind, "recalibration": RECORD, "recalibrate": recalibrate}
    postprocessing = ConfigParser({**config, **known}).get_parsed_content("postprocessing")
    logits = torch.tensor([1.5, -0.3])
    said = (logits.sigmoid() if kind == "multilabel" else logits.softmax(0)).numpy()
    expected = apply_recalibration(said, RECORD, ["A", "B"], kind) if recalibrate else said
    np.testing.assert_allclose(postprocessing({"pred": logits})["pred"].numpy(), expected, atol=1e-6)


def test_a_classifier_of_before_recalibration_has_none() -> None:
    config = json.loads((BUNDLES / "nih_mse" / "configs" / "inference.json").read_text())
    parser = ConfigParser({**config, "classifier": {"labels": ["A"], "kind": "multilabel"}})
    assert parser.get_parsed_content("recalibration") is None
    made = parser.get_parsed_content("postprocessing")({"pred": torch.zeros(1)})["pred"]
    assert made.tolist() == [0.5]
