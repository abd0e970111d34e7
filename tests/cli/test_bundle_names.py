"""A bundle is found by its name: from any folder, in the repository and in the wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from monai_mocoi.cli import bundle_names
from monai_mocoi.cli.bundle_names import find_bundle, find_config
from monai_mocoi.errors import UsageError
from tests.bundles.conftest import BUNDLES, NAMES


def bundle(place: Path, name: str = "nih_mse") -> Path:
    config = place / name / "configs" / "train.json"
    config.parent.mkdir(parents=True)
    config.write_text("{}")
    return config


@pytest.mark.parametrize("word", ["nih_mse/train", "nih_mse/train.json"])
def test_a_bundle_of_the_repository_from_any_folder(word: str) -> None:
    assert find_config(word) == str(BUNDLES / "nih_mse" / "configs" / "train.json")
    assert find_bundle("nih_mse") == str(BUNDLES / "nih_mse")


def test_the_nearest_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    far = bundle(tmp_path / "bundles")
    assert find_config("nih_mse/train") == str(far)
    near = bundle(tmp_path / "a" / "bundles")
    assert find_config("nih_mse/train") == str(near)
    bundle(here)
    assert find_config("nih_mse/train") == "nih_mse/configs/train.json"
    bundle(here / "bundles")
    assert find_config("nih_mse/train") == "bundles/nih_mse/configs/train.json"


def test_a_path_stays_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nih_mse").mkdir()
    (tmp_path / "nih_mse" / "train.json").touch()
    for word in ("nih_mse/train.json", "nih_mse/trian.json", "a/b/c", "train.json", "/x/train.json", "nih_mse"):
        assert find_config(word) == word
    assert find_bundle("nih_mse") == "nih_mse"
    assert find_bundle("a/b") == "a/b"


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("nih_mes/train", ["no bundle nih_mes: is nih_mse or ", " meant?", "looked for in ", str(BUNDLES)]),
        ("zzz/train", [f"no bundle zzz; there are {', '.join(NAMES)}. ", str(BUNDLES)]),
        ("nih_mse/trian", ["has no config trian: is nih_mse/train meant?", "evaluate, finetune"]),
        ("nih_mse", ["nih_mse is a bundle: name one of its configs, as in nih_mse/train"]),
    ],
)
def test_an_unknown_name(word: str, parts: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        find_config(word)
    assert all(part in str(error.value) for part in parts)


def test_an_unknown_bundle_to_package() -> None:
    with pytest.raises(UsageError, match="there is no bundle dr_mes: is dr_mse or"):
        find_bundle("dr_mes")


def test_a_path_that_holds_from_another_folder_only(mocoi) -> None:
    result = mocoi("run", "bundles/nih_mse/configs/finetune.json")
    assert (result.exit_code, "is nih_mse/finetune meant" in result.stderr) == (2, True)


def test_run_and_plan_take_names_and_say_which_file(mocoi, tmp_path, monkeypatch) -> None:
    result = mocoi("plan", "dr_mse/train", "dr_mse/paper.json", "--dataset_dir", "nowhere")
    assert result.exit_code == 3
    assert f"dr_mse/train  {' ' * 5}{BUNDLES / 'dr_mse' / 'configs' / 'train.json'}\n" in result.stdout
    assert mocoi("run", "dr_mse/train", "--max_epoch", "1").exit_code == 2
    other = tmp_path / "other"
    bundle(tmp_path / "bundles", "mine").write_text('{"run": ["$print(\'RAN\')"]}')
    other.mkdir()
    monkeypatch.chdir(other)
    result = mocoi("run", "mine/train")
    assert result.stdout == f"Config: {tmp_path}/bundles/mine/configs/train.json\nRAN\n"


def test_a_command_without_run(mocoi) -> None:
    result = mocoi("nih_mse/train")
    assert (result.exit_code, result.stderr.endswith("write mocoi run nih_mse/train\n")) == (2, True)


def test_commands_of_the_documents_name_bundles_so_that_they_hold_from_any_folder() -> None:
    repository = BUNDLES.parent
    found = 0
    for document in (repository / "README.md", *(repository / "docs").rglob("*.md"), *BUNDLES.rglob("*.md")):
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            if line.startswith("    ") and any(f"{name} run " in line for name in ("mocoi", "-m monai_mocoi")):
                found += 1
                assert not [word for word in line.split() if word.startswith("bundles/")], (document.name, line)
    assert found > 50


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the repository in which runs, a package and other bundles lie among the bundles."""
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path / "source"
    source.mkdir()
    repository = BUNDLES.parent
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    for name in ("monai_mocoi", "data_prep", "bundles"):
        shutil.copytree(repository / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for stray in STRAY:
        (source / "bundles" / stray).parent.mkdir(parents=True, exist_ok=True)
        (source / "bundles" / stray).write_text("private")
    return source


STRAY = (
    *("nih_mse/runs/demo/predictions.csv", "nih_mse/models/model.pt", "nih_mse/notes.txt", "runs/a/configs/x.json"),
    *("private_chest/configs/inference.json", "private_chest/models/model.pt", "nih_mse_2/configs/train.json"),
)


def of_the_bundles() -> set[str]:
    found = {f"{name}/LICENSE" for name in NAMES}
    for part in (BUNDLES / name / part for name in NAMES for part in ("configs", "docs")):
        found |= {str(path.relative_to(BUNDLES)) for path in part.rglob("*") if path.is_file()}
    return found


@pytest.mark.slow
def test_the_wheel_carries_every_file_of_every_bundle_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        names = archive.namelist()
    packed = {name.removeprefix("monai_mocoi/_bundles/") for name in names if "_bundles/" in name}
    assert "data_prep/report.html.j2" in names
    assert packed == of_the_bundles()
    assert not any(name.startswith(("bundles", "tests", "setup")) for name in names)
    monkeypatch.setattr(bundle_names, "_PACKAGE", tmp_path / "site" / "monai_mocoi")
    assert find_config("nih_mse/train") == str(tmp_path / "site/monai_mocoi/_bundles/nih_mse/configs/train.json")


@pytest.mark.slow
def test_the_source_archive_carries_nothing_else_of_the_bundles(source: Path) -> None:
    words = ["setup.py", "-q", "sdist", "--formats", "zip"]
    subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=source)
    (archive,) = (source / "dist").glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        names = {name.partition("/")[2] for name in opened.namelist() if not name.endswith("/")}
    packed = {name.removeprefix("bundles/") for name in names if name.startswith("bundles/")}
    assert {name for name in packed if not name.startswith("templates/")} == of_the_bundles()
    assert "setup.py" in names
