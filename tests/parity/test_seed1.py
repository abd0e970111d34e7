"""Our classes reproduce the reference trajectories of seed 1; ``seed1.json`` holds the reference's numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.parity.trajectories import trajectory

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "seed1.json").read_text())


FAST = "mse_map"  # the paper's own loss; the others take as long again, each


@pytest.mark.numeric
@pytest.mark.parametrize(
    "method",
    [name if name == FAST else pytest.param(name, marks=pytest.mark.slow) for name in REFERENCE["trajectories"]],
)
def test_seed_1(method: str) -> None:
    rows = trajectory(method, seed=1)
    expected = REFERENCE["trajectories"][method]
    assert len(rows) == len(expected) == 4
    for row, wanted in zip(rows, expected, strict=True):
        assert list(row) == list(wanted)
        for name, value in wanted.items():
            assert row[name] == pytest.approx(value, rel=1e-6), (method, wanted["step"], name)


def test_command_explains_itself() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.parity", "--help"], capture_output=True, text=True, check=True)
    assert "--seed" in done.stdout
