"""What every test gets: its own cache folder, few threads, and the same random state."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Two pytest workers on two cores: a thread each, and no busy waiting for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def repository() -> Path:
    return Path(__file__).resolve().parents[1]
