from __future__ import annotations

import tempfile
import time

import pytest

from monai_mocoi.files.file_clock import FileClocks


def test_it_asks_once_a_file_system_and_counts_on(tmp_path, monkeypatch):
    clocks = FileClocks()
    first = clocks.now(tmp_path)
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", None)
    assert first <= clocks.now(tmp_path) < first + 60
    assert abs(first - time.time()) < 60
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_this_machines_time_has_to_do(tmp_path, monkeypatch):
    def refuse(**arguments):
        raise PermissionError

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    monkeypatch.setattr(time, "time", lambda: 1234.0)
    assert FileClocks().now(tmp_path) == pytest.approx(1234.0, abs=5)
