"""Records: JSON files of a fixed form that one step writes and a later one reads, one class each."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from monai_mocoi.deprecated import current_label_kind
from monai_mocoi.errors import MocoiError
from monai_mocoi.files.atomic_write import write_bytes

LabelKind: TypeAlias = Annotated[str, BeforeValidator(current_label_kind)]
"""A field of a record: "multilabel" or "multiclass"."""


def shown(*places: str, default: Any = None, old: str | None = None) -> Any:
    """A field of a record that is told in these places, see :meth:`Record.part`; without any it stays in the record.

    ``old``: its earlier name, which is read as well.
    """
    return Field(default, json_schema_extra={"shown": list(places)}, validation_alias=old)


class Record(BaseModel, Mapping[str, Any]):
    """Base of the records: typed attributes, and a mapping of the keys that the file has.

    A key that the file lacks is no key of the mapping; its attribute is then None. Keys that the class does not know
    are kept.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, loc_by_alias=False)
    FILE: ClassVar[str]
    """Name of the file."""
    FORMAT: ClassVar[int] = 1
    """Of the files that are written and read. Files without a format are of the first."""
    ASCII: ClassVar[bool] = False
    """Whether other letters are written as escapes."""
    ERROR: ClassVar[type[MocoiError]]
    """What is raised where a file cannot be read."""
    REMEDY: ClassVar[str]
    """What the file is for, and what to do without it."""
    SETTINGS: ClassVar[tuple[str, ...]] = ()
    """Names of the settings of a run that it repeats."""

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file. Raises ``ERROR``: the text names the file and its wrong keys, but no value."""
        path = Path(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise cls.ERROR(f"{path.name} cannot be read ({type(error).__name__}): {cls.REMEDY}") from error
        return cls.of(content, path.name)

    @classmethod
    def of(cls, content: Any, name: str = "") -> Self:
        """Check content that was read already, of a file ``name`` (empty: the usual one). Raises as :meth:`read`."""
        name = name or cls.FILE
        if not isinstance(content, Mapping):
            raise cls.ERROR(f"{name} is not a JSON object: {cls.REMEDY}")
        if (found := content.get("format", 1)) != cls.FORMAT:
            raise cls.ERROR(
                f"{name} has the format {found!r}, but this version of monai_mocoi reads format {cls.FORMAT}: install "
                "the version that wrote it, or write the file again."
            )
        try:
            return cls.model_validate(dict(content))
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            names = {str(one["loc"][0]): one["type"] == "missing" for one in details}
            lacks = ", ".join(key for key, missing in names.items() if missing)
            wrong = ", ".join(key for key, missing in names.items() if not missing)
            what = " and ".join(filter(None, (lacks and f"lacks {lacks}", wrong and f"has unusable values of {wrong}")))
            raise cls.ERROR(f"{name} {what}: {cls.REMEDY}") from None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Those of a run's settings that the record repeats."""
        return {name: settings[name] for name in cls.SETTINGS if name in settings}

    def text(self) -> str:
        """Content of the file; values that JSON does not know are written as text."""
        return (
            json.dumps({"format": self.FORMAT, **self}, indent=2, ensure_ascii=self.ASCII, allow_nan=False, default=str)
            + "\n"
        )

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file, in one step."""
        write_bytes(Path(path), self.text().encode())

    def part(self, place: str) -> dict[str, Any]:
        """The keys that are told in a place, in the order of the class."""
        return {name: self[name] for name in self.told_in(place) if name in self}

    @classmethod
    def told_in(cls, place: str) -> tuple[str, ...]:
        """Names of the fields that are told in a place."""
        fields = cls.model_fields.items()
        return tuple(n for n, f in fields if place in dict(f.json_schema_extra or {}).get("shown", ()))  # type: ignore[arg-type,operator]

    def __getitem__(self, key: str) -> Any:
        if key not in self.model_fields_set:
            raise KeyError(key)
        extra = self.model_extra or {}  # first, because a key may have the name of a method
        return extra[key] if key in extra else getattr(self, key)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        names = [*type(self).model_fields, *(self.model_extra or {})]
        return iter([name for name in names if name in self.model_fields_set])

    def __len__(self) -> int:
        return len(self.model_fields_set)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]
