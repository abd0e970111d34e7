from __future__ import annotations

import errno

import pytest
import torch
from torch._utils import ExceptionWrapper  # what a DataLoader's process sends its error in

from monai_mocoi.cli.messages import HINTS, explain
from monai_mocoi.data import load_datalist
from monai_mocoi.errors import DatasetError, DiskFullError, UsageError, WeightsError
from monai_mocoi.networks import bounded_queue_size


def caught(raise_it):
    try:
        raise_it()
    except BaseException as error:
        return error
    raise AssertionError


def wrapped(inner):
    """An error as MONAI's parser wraps it, twice."""

    def raise_it():
        try:
            try:
                raise inner
            except Exception as error:
                raise RuntimeError("Failed to evaluate ConfigExpression: \n'$f()'") from error
        except Exception as error:
            raise RuntimeError("Failed to instantiate component 'x' with keywords: y") from error

    return caught(raise_it)


def test_an_error_of_ours_is_shown_as_it_was_written():
    assert explain(wrapped(UsageError("no"))) == ("no", 2)
    text, code = explain(wrapped(caught(lambda: load_datalist("nowhere-at-all"))))
    assert text.startswith("dataset_dir: there is no folder 'nowhere-at-all'")
    assert code == DatasetError.exit_code == 3


def test_the_outermost_of_several_errors_of_ours():
    def raise_it():
        try:
            raise KeyError("deep")
        except KeyError as error:
            raise DatasetError("clear") from error

    assert explain(wrapped(caught(raise_it)))[0] == "clear"


def test_a_built_in_error_that_our_code_raised_needs_no_type():
    assert explain(wrapped(caught(lambda: bounded_queue_size(0, 10)))) == ("queue_size is 0, but must be 1 or more.", 1)


def test_an_error_of_others_has_its_type_and_a_hint():
    text, code = explain(wrapped(caught(lambda: {}["x"])))
    assert (text, code) == ("KeyError: x\nThe same command with --traceback shows where.", 1)
    assert explain(wrapped(caught(lambda: int("x"))))[0].startswith("ValueError: invalid literal")


def test_an_error_while_another_was_handled_is_the_one_that_is_shown():
    def raise_it():
        try:
            raise KeyError("first")
        except KeyError:
            raise OSError(errno.EACCES, "Permission denied", "x") from None

    text, code = explain(caught(raise_it))
    assert text.startswith("PermissionError: Permission denied: x")
    assert code == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_anywhere_in_the_chain(number):
    text, code = explain(wrapped(OSError(number, "No space left on device")))
    assert code == 6
    assert "make room" in text


def test_an_error_of_ours_about_a_full_disk_keeps_its_words():
    assert explain(DiskFullError(errno.ENOSPC, "Checkpoint: 3 MiB free.")) == ("Checkpoint: 3 MiB free.", 6)


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (MemoryError(), "The machine has"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory"),
            "The machine has",
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "The GPU has"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "The GPU has"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "The GPU has"),
    ],
)
def test_no_memory_left(error, where):
    text, code = explain(wrapped(error))
    assert text.startswith(f"{where} not enough memory for this run. Lower batch_size")
    assert code == 1


def test_an_error_in_a_loaders_process_without_its_traceback():
    inner = caught(lambda: load_datalist("nowhere-at-all"))
    sent = ExceptionWrapper((type(inner), inner, inner.__traceback__), where="in DataLoader worker process 0")
    error = caught(sent.reraise)
    assert "Traceback" in str(error)
    text, code = explain(error)
    assert text.startswith(str(inner))
    assert "Traceback" not in text
    assert code == 3


def test_a_chain_that_bites_its_tail_ends():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert explain(first)[0].startswith("ValueError: a")


@pytest.mark.parametrize("code", HINTS)
def test_every_hint_is_of_a_code_that_some_error_has(code, repository):
    sources = (path.read_text(encoding="utf-8") for path in (repository / "monai_mocoi").rglob("*.py"))
    assert any(f'code="{code}"' in source for source in sources)
    text, _ = explain(caught(lambda: _raise(WeightsError("Why.", code=code))))
    assert text == f"Why. {HINTS[code]}"


def _raise(error):
    raise error
