"""The paper's numbers, each by its table; typed once more here from the table of the fine-tuned encoder."""

from __future__ import annotations

import pytest

from monai_mocoi.study_report.published import published, published_probing, published_reuse, what_differs

NIH, IDC, EYEPACS = "NIH ChestX-ray14", "Breast histopathology (IDC)", "EyePACS"


@pytest.mark.parametrize(
    ("dataset", "evaluation", "fraction", "arm", "words"),
    [
        (NIH, "linear", 1.0, "mse", "74.8 (74.2 to 75.4)"),
        (NIH, "finetune", 0.01, "barlow", "62.9 (62.3 to 63.5)"),
        (NIH, "finetune", 0.06, "supervised", "65.2 (64.6 to 65.8)"),
        (EYEPACS, "finetune", 0.06, "moco", "92.4 (92.2 to 92.6)"),
        (IDC, "finetune", 1.0, "barlow", "86.4 (86.1 to 86.7)"),
    ],
)
def test_numbers_of_the_paper(dataset: str, evaluation: str, fraction: float, arm: str, words: str) -> None:
    metric = "f1" if dataset == IDC else "auc"
    assert published(dataset, evaluation, fraction, arm, metric).words == words


def test_where_the_paper_has_none() -> None:
    assert published("Our hospital", "finetune", 1.0, "mse", "auc") is None
    assert published(NIH, "finetune", 0.1, "mse", "auc") is None
    assert published(NIH, "finetune", 1.0, "random", "auc") is None
    assert published(NIH, "finetune", 1.0, "mse", "f1") is None
    assert published_probing(NIH, "mse", "all", "auc") == published_reuse(NIH, "mse", "1", 1.0) == "–"


def test_stages() -> None:
    assert [published_probing(EYEPACS, "mse", str(stage), "auc") for stage in (1, 4)] == ["68.3", "84.8"]
    assert [published_reuse(IDC, "moco", "3", share) for share in (0.01, 0.06)] == ["0.98", "0.97"]


def test_what_differs_is_plain() -> None:
    assert what_differs(NIH, 22_433, 2_800)[0].endswith("the images may be the same.")
    assert what_differs(NIH, 100, 40)[0].endswith("so the test set is another one.")
    assert any("two eyes" in sentence for sentence in what_differs(EYEPACS, 100, 40))
