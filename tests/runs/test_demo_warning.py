from __future__ import annotations

from typing import Any

import pytest

from monai_mocoi.runs import warn_of_demo_classifier


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
