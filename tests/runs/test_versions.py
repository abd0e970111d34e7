from __future__ import annotations

import pytest
import torch

from monai_mocoi.runs import versions


def test_versions_are_those_in_use_and_what_is_not_installed_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert versions.package_versions()["torch"] == torch.__version__
    monkeypatch.setattr(versions, "_PACKAGES", ("no-such-package",))
    assert versions.package_versions() == {"no-such-package": None}
