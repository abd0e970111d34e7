"""What a package says of its makers: what they state, and that the rest is not stated."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from data_prep import bch, eyepacs, nih
from monai_mocoi.errors import PackageError
from monai_mocoi.packaging import Owner, package_bundle, package_name, read_owner
from monai_mocoi.packaging.run_words import PUBLIC_SETS
from tests.bundles.conftest import BUNDLES
from tests.report.finetuned_runs import make_bundle, make_run

OF_OTHERS = ("NIH", "National", "Copyright 2026 The monai_mocoi developers")


def packed(tmp_path: Path, owner: Owner | None = None, **card: object) -> dict[str, str]:
    """The texts of a package, by their path in it."""
    made = package_bundle(
        make_bundle(tmp_path / "from"), make_run(tmp_path / "run", **card), tmp_path / "p.zip", owner=owner
    )
    with zipfile.ZipFile(made.path) as archive:
        return {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist() if ".pt" not in name}


def test_what_is_stated_goes_into_every_file(tmp_path: Path) -> None:
    (tmp_path / "licence.txt").write_text("Ask us first.\n\n")
    (tmp_path / "data.txt").write_text("Films of our hospital; ethics vote 12/2024.\n")
    owner = read_owner(
        " Films of Saint Nobody ", "A. Author, B. Author", "ask@example.org", tmp_path / "licence.txt",
        tmp_path / "data.txt",
    )  # fmt: skip
    assert owner.missing() == []
    texts = packed(tmp_path, owner)
    metadata = json.loads(texts["configs/metadata.json"])
    assert metadata["name"] == "Films of Saint Nobody"
    assert metadata["authors"].startswith("A. Author, B. Author; method by A. Kaku")
    assert metadata["copyright"].startswith("weights: A. Author, B. Author; configs and code: Copyright 2026")
    assert metadata["contact"] == "ask@example.org"
    assert texts["LICENSE"] == "Ask us first.\n"
    assert texts["docs/license_of_configs.txt"] == (BUNDLES / "nih_mse" / "LICENSE").read_text()
    assert texts["docs/data_license.txt"] == "Films of our hospital; ethics vote 12/2024.\n"
    card = texts["docs/README.md"]
    assert card.startswith("# Films of Saint Nobody: classifier")
    assert "| Authors | A. Author, B. Author |" in card
    assert "| Contact | ask@example.org |" in card
    assert "not stated" not in card
    assert "NIH" not in "".join(texts[name] for name in ("docs/README.md", "LICENSE", "docs/data_license.txt"))


def test_own_data_without_a_statement_are_nobodys(tmp_path: Path) -> None:
    texts = packed(tmp_path)
    card, metadata = texts["docs/README.md"], json.loads(texts["configs/metadata.json"])
    for row in ("Authors", "Contact", "Licence of the weights", "Statement on the data"):
        assert f"| {row} | **not stated** |" in card
    assert "has stated nothing on the images" in texts["docs/data_license.txt"]
    for text in (card, texts["docs/data_license.txt"], metadata["data_source"]):
        assert not [name for name in OF_OTHERS if name in text]
    assert metadata["authors"].startswith("not stated; method by")
    assert metadata["copyright"].startswith("weights: not stated whose they are; configs and code: ")
    assert "contact" not in metadata
    licence = (BUNDLES / "nih_mse" / "LICENSE").read_text()
    assert texts["LICENSE"].endswith(licence)
    assert "has stated no licence" in texts["LICENSE"].removesuffix(licence)


def test_the_public_data_set_and_the_demo_have_their_own_words(tmp_path: Path) -> None:
    public = packed(tmp_path / "public", dataset="NIH ChestX-ray14")
    assert "terms of the public data set" in public["docs/README.md"]
    assert "provided by the NIH Clinical Center" in public["docs/data_license.txt"]
    assert public["docs/data_license.txt"].startswith("This package contains no data")
    assert "the bundle is made for: NIH" in json.loads(public["configs/metadata.json"])["data_source"]
    demo = packed(tmp_path / "demo", settings={"bundle": "nih_mse", "demo": True}, dataset="NIH ChestX-ray14")
    assert "drawn by monai_mocoi" in demo["docs/data_license.txt"]
    assert "NIH" not in demo["docs/data_license.txt"]


def test_the_public_names_are_those_of_data_prep() -> None:
    assert PUBLIC_SETS == {"chest": nih.NAME, "histology": bch.NAME, "fundus": eyepacs.NAME}


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("title", " ", "title is ' '"),
        ("authors", "A\nB", "one line"),
        ("license", "nowhere.txt", r"license: there is no file .*nowhere\.txt"),
        ("data_statement", "picture.png", r"data_statement: .* is no text file"),
        ("data_statement", "empty.txt", r"data_statement: .* is empty"),
    ],
)
def test_what_cannot_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("picture.png").write_bytes(b"\x89PNG\xff")
    Path("empty.txt").write_text("\n")
    with pytest.raises(PackageError, match=text):
        read_owner(**{option: value})


@pytest.mark.parametrize("place", ["/home/drsmith", "~/x"])
def test_a_place_of_the_machine_in_a_statement_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(PackageError, match="names a place on this machine"):
        packed(tmp_path, Owner(contact=place))


def test_names() -> None:
    assert package_name("chest") == "chest_xray_classification_mocoi"
    assert package_name("histology") == "histopathology_classification_mocoi"
    assert package_name("fundus") == "fundus_classification_mocoi"
    assert package_name("chest", adapted="my_study") == "my_study_classification_mocoi"
    for adapted in (None, "my_study"):
        assert package_name("chest", "my-films_1.2", adapted) == "my-films_1.2"
    for name in ("", ".", "..", "a/b", "a\\b", "/a", "-a", ".a", "a b", "a\n", "a.", "ä", "a.zip", "x" * 101):
        with pytest.raises(PackageError, match="plain name of a folder"):
            package_name("chest", name)
