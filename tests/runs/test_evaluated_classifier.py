from __future__ import annotations

import logging
from typing import Any

import pytest

from monai_mocoi.errors import SettingsError
from monai_mocoi.exit_codes import USAGE
from monai_mocoi.runs import check_recalibration, warn_of_demo_classifier

RECORD = {
    "method": "platt", "images": 90, "patients": 40,
    "classes": {"A": {"intercept": 0.1, "slope": 0.9}, "B": {"reason": "Too few."}},
}  # fmt: skip


def test_it_says_what_it_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    check_recalibration(RECORD, False)
    check_recalibration(None, "false")
    assert not caplog.text
    check_recalibration(RECORD, "true")
    assert "platt, fitted on 90 validation images of 40 patients" in caplog.text
    assert "The probability of B stays as it is: Too few." in caplog.text


@pytest.mark.parametrize(
    ("record", "words"),
    [(None, "no validation predictions"), ({"method": "platt", "classes": {"A": {"reason": "Too few."}}}, "Too few.")],
)
def test_nothing_to_recalibrate_by_is_refused(record: dict | None, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as found:
        check_recalibration(record, True)
    assert found.value.exit_code == USAGE


@pytest.mark.parametrize(
    ("classifier", "images", "warned"),
    [
        ({"settings": {"demo": True}}, "folder", True),
        ({"settings": {"demo": True}}, None, False),
        ({"settings": {"demo": False}}, "folder", False),
        ({"settings": None}, "folder", False),
        ({}, ["folder"], False),
    ],
)
def test_only_a_demo_classifier_and_images_of_somebody(
    classifier: dict[str, Any], images: Any, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_demo_classifier(classifier, images)
    assert ("GENERATED PHANTOMS" in caplog.text) is warned
    assert "--run_dir" not in caplog.text  # the bundle of a package has no such setting
