"""What every test gets: its own cache folder, few threads, and the same random state."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Two pytest workers on two cores: a thread each, and no busy waiting for one another. Here and not in a hook, because
# PyTorch reads it when it is imported, which the conftest of a folder below does if that folder is named.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def repository() -> Path:
    return Path(__file__).resolve().parents[1]
