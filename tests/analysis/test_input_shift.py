from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_mocoi.analysis import input_shift as module
from monai_mocoi.analysis import summarise_inputs
from monai_mocoi.analysis.input_shift import input_shift
from monai_mocoi.data import ImageDataset
from monai_mocoi.metrics import statistics_of_picture
from tests.engines.classifiers import dataset_of, numbered


def test_a_summary_is_of_the_decoded_pictures_before_any_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = dataset_of([[0]] * 20, transform=lambda sample: {"image": 9 * sample["image"]})
    rows = [statistics_of_picture(np.round(numbered(f"{i:03d}").numpy() * 255) / 255) for i in range(20)]
    found = summarise_inputs(dataset)
    assert found["images"] == 20
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        statistic = found["statistics"][name]
        assert (statistic["mean"], statistic["sd"]) == pytest.approx((values.mean(), values.std()), abs=1e-6)
        assert statistic["quantiles"]["0.25"] == pytest.approx(np.quantile(values, 0.25), abs=1e-6)
    monkeypatch.setattr(module, "MOST_PICTURES", 5)
    assert summarise_inputs(dataset)["images"] == 5


def test_a_shift_counts_in_standard_deviations_of_training() -> None:
    dataset = dataset_of([[0]] * 20)
    brighter = ImageDataset(dataset.data, lambda path: torch.clip(numbered(path) + 0.1, 0, 1), cache=False)
    own, other = summarise_inputs(dataset), summarise_inputs(brighter)
    shift = input_shift(own, other)["brightness"]
    statistics = own["statistics"]["brightness"]
    assert shift["shift"] == pytest.approx((shift["here"] - shift["training"]) / statistics["sd"])
    assert shift["shift"] > 3
    assert all(value["shift"] == 0 for value in input_shift(own, own).values())
    own["statistics"]["brightness"]["sd"] = 0.0
    assert input_shift(own, other)["brightness"]["shift"] is None
    assert input_shift(own, own)["brightness"]["shift"] == 0
    del own["statistics"]["black"]
    assert "black" not in input_shift(own, other)
