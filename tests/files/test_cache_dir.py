from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.files import user_cache_dir


@pytest.mark.parametrize(
    ("own", "xdg", "expected"),
    [
        ("/a/own", "/b/xdg", "/a/own"),
        ("", "/b/xdg", "/b/xdg/monai_mocoi"),
        (None, "/b/xdg", "/b/xdg/monai_mocoi"),
        (None, "relative", "/home/someone/.cache/monai_mocoi"),
        (None, None, "/home/someone/.cache/monai_mocoi"),
    ],
)
def test_order_of_variables(monkeypatch, own, xdg, expected):
    monkeypatch.setenv("HOME", "/home/someone")
    for name, value in (("MONAI_MOCOI_CACHE", own), ("XDG_CACHE_HOME", xdg)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert user_cache_dir() == Path(expected)
