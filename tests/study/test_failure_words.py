"""A reason names the class of others' errors and what our own sentences say, but no folder and no image."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.study.failure_words import reason_in, without_places


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("error: batch_size is '0', but must be 1 or more.", "batch_size is '0', but must be 1 or more."),
        ("error (process 1): no room is left", "no room is left"),
        ("error: FileNotFoundError: [Errno 2] No such file: 'Jane Doe'\nThe same command", "FileNotFoundError"),
        ("error: torch.OutOfMemoryError: of Jane Doe", "torch.OutOfMemoryError"),
        (
            "error: 'own' has 1 patient(s) in two splits:\n  patient Doe^Jane: training a = test b\nHow to fix it",
            "'own' has 1 patient(s) in two splits: How to fix it",
        ),
        ("error: row 3, 'Doe Jane.png': it is damaged", "row 3, (...): it is damaged"),
        (
            "error: /data/Doe Jane/x is a file: name ~/study or C:\\Doe",
            "(...) (...) is a file: name (...) or (...)",
        ),
    ],
)
def test_what_is_shown(tmp_path: Path, said: str, shown: str) -> None:
    log = tmp_path / "log.txt"
    log.write_text(f"error: of before\n{said}\n")
    assert reason_in(log, len("error: of before\n"), 3) == f"{shown} (exit code 3)"


def test_the_exit_code_says_more(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("error: OSError: [Errno 28] /data/Jane")
    assert reason_in(log, 0, 6) == "OSError (exit code 6, the disk is full)"
    log.write_text("")
    assert reason_in(log, 0, -9) == "signal 9, killed; often because the memory was full"


def test_it_stays_as_it_is_the_second_time() -> None:
    once = without_places("the folder '/a/b c' and x/y.png, of f0.06-l1, 3.5 s, SHA-256 12ab")
    assert once == "the folder (...) and (...), of f0.06-l1, 3.5 s, SHA-256 12ab"
    assert without_places(once) == once
