from __future__ import annotations

import os

import pytest

from monai_mocoi.threads import VARIABLE, given_threads, thread_environment, usable_cpus


def test_processors():
    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("given", "threads"), [("1", 1), ("3", 3), ("", None), ("0", None), ("-1", None), ("x", None)])
def test_the_number_that_a_process_was_given(monkeypatch, given, threads):
    monkeypatch.setenv(VARIABLE, given)
    assert given_threads() == threads


def test_the_environment_of_a_process_names_the_number_to_every_library():
    assert thread_environment(3).keys() >= {VARIABLE, "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    assert set(thread_environment(3).values()) == {"3"}
