from __future__ import annotations

import argparse
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import kill_and_resume as script

# Stands for the training command: 20 iterations of 20 ms after a start of 50 ms, and a checkpoint every 4.
COMMAND = """
import json, pathlib, sys, time
run = pathlib.Path(sys.argv[1]) / "pretrain"
checkpoints = run / "checkpoints"
checkpoints.mkdir(parents=True, exist_ok=True)
time.sleep(0.05)
if "broken" in sys.argv:
    sys.exit("no such setting")

def manifest(**content):
    (run / "new").write_text(json.dumps(content))
    (run / "new").replace(run / "manifest.json")

manifest(status="running")
done = max((int(file.stem[11:]) for file in checkpoints.iterdir()), default=0)
began = time.monotonic()
for iteration in range(done + 1, 21):
    time.sleep(0.02)
    if iteration % 4 == 0:
        (checkpoints / f"checkpoint_{iteration:09d}.pt").touch()
manifest(status="finished", iterations=20, seconds=time.monotonic() - began)
time.sleep("slow_end" in sys.argv and run.parent.name == "killed_0")
"""


def start(given: argparse.Namespace, folder: Path, name: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    with open(folder / f"{name}.log", "ab") as log:
        return subprocess.Popen([sys.executable, "-c", COMMAND, str(folder / name), *given.overrides], stderr=log)


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "start", start)
    monkeypatch.setattr(script, "outcome", lambda folder: {"checkpoints": len(list(folder.glob("checkpoints/*")))})


def compare(folder: Path, *overrides: str, kills: int = 3) -> int:
    return script.compare(argparse.Namespace(kills=kills, processes=1, seed=1, overrides=overrides), folder)


def test_every_kill_hits_the_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(tmp_path) == 0
    text = capsys.readouterr().out
    assert "3 of 3 kills hit the training" in text
    assert "equal bit for bit" in text


@pytest.mark.parametrize("overrides", [(), ("slow_end",)])
def test_a_kill_after_the_end_does_not_count_and_the_next_come_earlier(
    overrides: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.2, 2.0, 0.4, 0.2])  # the second is after the end, also while the command is still there
    monkeypatch.setattr(script, "next_moment", lambda *_: next(moments))
    assert compare(tmp_path, *overrides) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[:2] for line in lines[1:5]] == [
        ["1:", "killed_0"],
        ["late:", "killed_0"],
        ["2:", "killed_1"],
        ["3:", "killed_1"],
    ]
    assert "3 of 3 kills hit the training, 1 more came too late" in lines[5]


def test_a_difference_in_any_run_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "outcome", lambda folder: {"name": folder.parent.name})
    assert compare(tmp_path, kills=1) == 1
    assert "different:\n  killed_0/name" in capsys.readouterr().out


def test_a_run_that_fails_is_no_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(tmp_path, "broken") == 1
    assert "undisturbed: exit 1\n  no such setting" in capsys.readouterr().out


def test_moments_are_those_of_as_many_random_kills() -> None:
    def moments(seed: int) -> list[float]:
        generator, done, found = random.Random(seed), 0.0, []
        for left in range(10, 0, -1):
            done += (1 - done) * script.next_moment(generator, left)
            found.append(done)
        return found

    assert moments(3) == moments(3) != moments(4)
    runs: list[Any] = [moments(seed) for seed in range(2000)]
    means = [sum(run[k] for run in runs) / len(runs) for k in range(10)]
    # The k-th of ten uniform numbers is k/11 on average; a tenth of each step is held back.
    left = 1.0
    for k, mean in enumerate(means):
        left *= 1 - 0.9 / (11 - k)
        assert mean == pytest.approx(1 - left, abs=0.02)
    assert max(run[-1] for run in runs) < 1
