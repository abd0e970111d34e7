"""A dataset folder that ``inhouse --part`` made, as far as the join needs it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.account import Step
from data_prep.candidates import Candidate, Exclusions
from data_prep.inhouse.part import OTHER_PART, Part
from data_prep.record import RECORD_NAME, Note
from monai_mocoi.data.datalist_form import DATALIST_NAME, MANIFEST_NAME
from monai_mocoi.errors import DatasetError, RefusedError


@dataclass(frozen=True)
class PreparedPart:
    """A finished part: its folder, which part it is, and what its files hold."""

    path: Path
    part: Part
    manifest: dict[str, Any]
    datalist: dict[str, Any]
    notes: dict[str, Note]

    @property
    def options(self) -> dict[str, Any]:
        """Those of the preparation, without which part it is."""
        return {**self.manifest["options"], "part": None}

    @property
    def flow(self) -> list[Step]:
        """The stations before the parts were separated."""
        return [Step(*step) for step in self.manifest["part"]["flow"]]

    def candidates(self) -> Iterator[tuple[str, Candidate]]:
        """Give the split and the candidate of each image."""
        splits = {split: own for split, own in self.datalist.items() if isinstance(own, list)}
        for split, item in ((split, item) for split, own in splits.items() for item in own):
            columns = {key: value for key, value in item.items() if key not in ("image", "label", "patient")}
            image, vendor = item["image"], str(columns.get("vendor", ""))
            name, source = Path(image).stem, str(self.path / image)
            yield split, Candidate(name, source, image, item["patient"], item.get("label"), columns, vendor=vendor)

    def was_given(self, split: str) -> bool:
        """Whether a split is that of the user's own table; then only the validation may have been drawn."""
        if self.options["split"] == "own":
            return False
        return "val_fraction" not in self.options or split not in ("training", "validation")


def read_part(folder: str, called: str) -> PreparedPart:
    """Read a part (RefusedError: it is none; DatasetError: damaged); errors do not repeat its path but ``called``."""
    path = Path(folder).expanduser().resolve()
    missing = [name for name in (MANIFEST_NAME, DATALIST_NAME, RECORD_NAME) if not (path / name).is_file()]
    if missing:
        raise RefusedError(
            f"{called} has no {missing[0]}, so it is no finished part; run the command that began it again."
        )
    try:
        manifest = json.loads((path / MANIFEST_NAME).read_text(encoding="utf-8"))
        datalist = json.loads((path / DATALIST_NAME).read_text(encoding="utf-8"))
        if "part" not in manifest:
            raise RefusedError(f"{called} is no part: it was made without --part.")
        part = Part(manifest["part"]["number"], manifest["part"]["of"])
        lines = [json.loads(own) for own in (path / RECORD_NAME).read_bytes().split(b"\n")[1:] if own.endswith(b"]")]
        notes = {name: note for name, *_, note in lines}  # the last line of an image counts
        return PreparedPart(path, part, manifest, datalist, notes)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{called} is damaged ({type(error).__name__}); prepare the part again.") from None


def check_parts(parts: Sequence[PreparedPart]) -> None:
    """Refuse what is not all parts of one preparation, sorted: another number, other options or other files."""
    first = parts[0]
    numbers = [own.part.number for own in parts]
    if {own.part.of for own in parts} != {first.part.of} or numbers != list(range(1, first.part.of + 1)):
        given = ", ".join(str(own.part) for own in parts)
        raise RefusedError(f"these are the parts {given}; give each part of one preparation once.")
    for own in parts[1:]:
        keys = dict.fromkeys((*first.options, *own.options))
        if differing := [key for key in keys if first.options.get(key) != own.options.get(key)]:
            if "key_fingerprint" in differing:  # and with it every keyed hash
                differing = ["key_fingerprint"]
            raise RefusedError(
                f"part {own.part} was made with other options than part {first.part} ({', '.join(differing)}): "
                + ("with another key, a patient has another name. " if "key_fingerprint" in differing else "")
                + "Prepare it again with the same."
            )
        if own.flow != first.flow:
            raise RefusedError(
                f"part {own.part} found other files than part {first.part}: the export has changed in between, or its "
                "folders are not the same. Prepare the parts again."
            )


def all_left_out(parts: Sequence[PreparedPart]) -> Exclusions:
    """Return what the parts left out, each image once: all of them look at all files."""
    names: dict[str, set[str]] = {}
    for own in parts:
        for reason, left_out in own.manifest["exclusions"].items():
            if reason != OTHER_PART:
                names.setdefault(reason, set()).update(left_out)
    return {reason: sorted(left_out) for reason, left_out in names.items()}
