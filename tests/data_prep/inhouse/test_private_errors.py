from __future__ import annotations

import errno
from pathlib import Path

import pytest

from data_prep.inhouse.private_errors import told_privately
from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.source import Refused
from monai_mocoi.errors import DatasetError


@pytest.mark.parametrize(
    ("error", "becomes", "says"),
    [
        (KeyError("Qvistgaard"), DatasetError, r"an unexpected error \(KeyError\)"),
        (OSError(errno.ENOSPC, "No space left", "/x/Qvistgaard"), OSError, "No space left"),
    ],
)
def test_an_unexpected_text_goes_to_the_private_log(
    tmp_path: Path, error: Exception, becomes: type[Exception], says: str
) -> None:
    with pytest.raises(becomes, match=says) as caught, told_privately(PrivateFolder(tmp_path / "private")):
        raise error
    assert "Qvistgaard" not in str(caught.value)
    assert getattr(caught.value, "errno", None) == getattr(error, "errno", None)
    assert caught.value.__cause__ is None
    assert "Qvistgaard" in (tmp_path / "private" / "private.log").read_text()


@pytest.mark.parametrize("error", [DatasetError("x"), Refused("x"), MemoryError("x")])
def test_what_was_written_to_be_read_passes(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, told_privately(PrivateFolder(tmp_path / "private")):
        raise error
    assert caught.value is error
