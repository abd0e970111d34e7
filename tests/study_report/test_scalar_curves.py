from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from monai_mocoi.study_report.scalar_curves import MOST, scalar_curves


def test_curves_by_name_and_pictures_are_passed_over(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path / "tensorboard")) as writer:
        for step in range(3):
            writer.add_scalar("probe/knn_auc", 0.5 + 0.1 * step, step)
            writer.add_scalar("other", 1, step)
        writer.add_image(
            "picture", np.random.default_rng(0).integers(256, size=(300, 300, 3), dtype=np.uint8), dataformats="HWC"
        )
    found = scalar_curves(tmp_path, ("probe/knn_auc", "absent"))
    assert list(found) == ["probe/knn_auc"]
    assert [step for step, _ in found["probe/knn_auc"]] == [0, 1, 2]
    assert [value for _, value in found["probe/knn_auc"]] == pytest.approx([0.5, 0.6, 0.7])


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for step in range(3 * MOST):
            writer.add_scalar("a", step, step)
    (curve,) = scalar_curves(tmp_path, ("a",)).values()
    assert len(curve) <= MOST
    assert curve[0] == (0, 0)
    assert curve[-1] == (3 * MOST - 1, 3 * MOST - 1)


def test_nothing_there(tmp_path: Path) -> None:
    assert scalar_curves(tmp_path, ("a",)) == {}
