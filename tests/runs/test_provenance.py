from __future__ import annotations

import pytest
import torch

from monai_mocoi.runs import provenance


def test_versions_are_those_in_use_and_what_is_not_installed_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert provenance.package_versions()["torch"] == torch.__version__
    monkeypatch.setattr(provenance, "_PACKAGES", ("no-such-package",))
    assert provenance.package_versions() == {"no-such-package": None}
