from __future__ import annotations

from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser

from monai_mocoi.data import load_datalist
from monai_mocoi.data.prepared_dataset import PREPARATION, evaluation_dataset, with_bits
from tests.bundles.conftest import BUNDLES
from tests.data.dataset_folders import dataset_folder

CARD = {
    "channels": 3,
    "intensity": "picture",
    "decode_size": 20,
    "decode_fit": "crop",
    "cache_bits": 16,
    "image_size": 16,
    "mean": [0.4, 0.5, 0.6],
    "std": [0.2, 0.25, 0.3],
}


@pytest.mark.parametrize("changed", [{}, {"channels": 1, "mean": 0.5, "std": 0.25, "cache_bits": 8}])
def test_it_is_the_data_set_of_evaluate_json(tmp_path: Path, changed: dict[str, object]) -> None:
    items = load_datalist(dataset_folder(tmp_path)).test
    card = {**CARD, **changed}
    assert set(card) == set(PREPARATION)
    parser = ConfigParser()
    parser.read_config(str(BUNDLES / "nih_mse" / "configs" / "evaluate.json"))
    parser.update({"classifier": card, "items": items})
    wanted = parser.get_parsed_content("dataset")
    found = evaluation_dataset(items, {**card, "more": 1}, progress=False)
    for row in range(len(items)):
        assert torch.equal(torch.as_tensor(found[row]["image"]), torch.as_tensor(wanted[row]["image"]))
    bare = evaluation_dataset(items, card, normalise=False, progress=False)[0]["image"]
    assert 0 <= bare.min() <= bare.max() <= 1


def test_bits_are_those_of_fine_tuning(tmp_path: Path) -> None:
    training = load_datalist(dataset_folder(tmp_path)).training
    assert with_bits({**CARD, "cache_bits": "auto"}, training)["cache_bits"] == 8
    assert with_bits(CARD, training) == CARD
