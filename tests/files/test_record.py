"""Records keep what a file has, refuse other formats by name, and tell no value of a broken file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from monai_mocoi.data.labelled_images import LabelledImages
from monai_mocoi.errors import MocoiError, PackageError
from monai_mocoi.files.record import Record, shown
from monai_mocoi.networks import ClassifierCard, EncoderCard
from monai_mocoi.runs.run_manifest import RunManifest


class Fruit(Record):
    FILE = "fruit.json"
    ERROR: ClassVar[type[MocoiError]] = PackageError
    REMEDY = "pick another."

    kind: str
    weight: int | float | None = shown("shop")
    farmer: str | None = None
    price: int | None = shown("shop", "bill")


def test_it_is_a_mapping_of_what_the_file_has(tmp_path: Path) -> None:
    (tmp_path / "fruit.json").write_text('{"price": null, "more": [1], "kind": "pear", "weight": 1}')
    fruit = Fruit.read(tmp_path / "fruit.json")
    assert dict(fruit) == {"kind": "pear", "weight": 1, "price": None, "more": [1]} == fruit
    assert list(fruit) == ["kind", "weight", "price", "more"]
    assert "farmer" not in fruit
    assert fruit.farmer is None
    with pytest.raises(KeyError):
        fruit["farmer"]
    assert fruit.part("shop") == {"weight": 1, "price": None}
    assert fruit.part("bill") == {"price": None}
    with pytest.raises(ValidationError):
        fruit.kind = "apple"  # type: ignore[misc]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    fruit = Fruit(kind="Äpfel", weight=0.5, price=3)
    fruit.write(tmp_path / "a" / "fruit.json")
    text = (tmp_path / "a" / "fruit.json").read_text(encoding="utf-8")
    assert text == '{\n  "format": 1,\n  "kind": "Äpfel",\n  "weight": 0.5,\n  "price": 3\n}\n'
    assert Fruit.read(tmp_path / "a" / "fruit.json") == {"format": 1, **fruit}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, r"fruit.json cannot be read \(FileNotFoundError\): pick another"),
        ("{", r"fruit.json cannot be read \(JSONDecodeError\)"),
        ("[1]", "fruit.json is not a JSON object"),
        ('{"weight": 1}', "fruit.json lacks kind: pick another"),
        ('{"weight": "Miller"}', "fruit.json lacks kind and has unusable values of weight"),
        ('{"kind": "pear", "format": 2}', "fruit.json has the format 2, but .* reads format 1"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tmp_path: Path, content: str | None, match: str) -> None:
    if content is not None:
        (tmp_path / "fruit.json").write_text(content)
    with pytest.raises(PackageError, match=match) as refused:
        Fruit.read(tmp_path / "fruit.json")
    assert "Miller" not in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("record", [ClassifierCard, EncoderCard, LabelledImages, RunManifest])
def test_every_record_refuses_another_format(tmp_path: Path, record: type[Record]) -> None:
    path = tmp_path / record.FILE
    path.write_text(json.dumps({"format": 99, "kind": "multilabel", "status": "finished", "training": []}))
    with pytest.raises(record.ERROR, match=f"{record.FILE} has the format 99"):
        record.read(path)


def test_a_pydantic_field_without_a_place_is_told_nowhere() -> None:
    private = {"settings", "pretraining_overlap", "identified", "seen_images", "pretrained", "start", "seed"}
    assert private.isdisjoint(ClassifierCard.told_in("package"))
    known: dict[str, Any] = dict.fromkeys(ClassifierCard.model_fields)
    assert set(ClassifierCard.model_construct(**known).part("config")) <= set(ClassifierCard.told_in("package"))


def test_a_key_with_the_name_of_a_method_keeps_its_value() -> None:
    content = {"kind": "apple", "text": "red", "items": [1], "keys": 2, "write": None}
    assert dict(Fruit.of(content)) == content
    assert json.loads(Fruit.of(content).text()) == {"format": 1, **content}
