"""What every test gets: another cache folder and key than the user's, few threads, and the same random state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Two pytest workers on two cores: a thread each, and no busy waiting for one another. Here and not in a hook, because
# PyTorch reads it when it is imported, which the conftest of a folder below does if that folder is named.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For the whole session, because the fixtures of a module run before those of its tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MONAI_MOCOI_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setenv("MONAI_MOCOI_KEY", str(tmp_path_factory.getbasetemp() / "fingerprint.key"))
        yield


@pytest.fixture
def repository() -> Path:
    return Path(__file__).resolve().parents[1]
