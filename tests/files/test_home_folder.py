from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from monai_mocoi import exit_codes
from monai_mocoi.data import load_datalist
from monai_mocoi.data.fingerprint_key import fingerprint_key
from monai_mocoi.data.new_images import find_new_images
from monai_mocoi.demo import resolve_dataset_dir
from monai_mocoi.errors import HomeFolderError
from monai_mocoi.files import user_cache_dir
from monai_mocoi.files.home_folder import expand_home, home_folder


@pytest.fixture
def nobody(monkeypatch):
    """A user without HOME and without an entry in /etc/passwd."""

    def unknown(key):
        raise KeyError(key)

    for name in ("HOME", "MONAI_MOCOI_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)


def test_with_a_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder() == tmp_path
    assert expand_home("~/a") == tmp_path / "a"
    assert expand_home("b/~") == Path("b/~")


def test_without_a_home_it_says_what_to_set(nobody, tmp_path, monkeypatch):
    assert home_folder() is None
    with pytest.raises(HomeFolderError, match="MONAI_MOCOI_CACHE") as error:
        user_cache_dir()
    assert error.value.exit_code == exit_codes.USAGE
    monkeypatch.setenv("MONAI_MOCOI_CACHE", "~/x")
    with pytest.raises(HomeFolderError, match=r"'~'.*set HOME"):
        user_cache_dir()
    monkeypatch.setenv("MONAI_MOCOI_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_dir() == tmp_path / "monai_mocoi"


def test_the_key_of_the_fingerprints_too(nobody, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_KEY", "~/secret")
    with pytest.raises(HomeFolderError, match="set HOME"):
        fingerprint_key()


@pytest.mark.parametrize(
    "use", [load_datalist, lambda path: resolve_dataset_dir(path, "chest"), find_new_images, expand_home]
)
@pytest.mark.parametrize("user", ["~", "~nobody-of-this-name"])
def test_a_home_that_is_not_known_is_told_without_the_path(nobody, use, user):
    with pytest.raises(HomeFolderError, match=f"'{user}'") as error:
        use(os.path.join(user, "secret"))
    assert "secret" not in str(error.value)
