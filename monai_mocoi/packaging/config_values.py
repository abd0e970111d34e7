"""What is in a bundle's configs: JSON objects, texts that stay texts, and constants with another value on phantoms."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from monai_mocoi.errors import AdaptError, MocoiError

_DEMO = re.compile(r"\$(\d+) if @demo else (\d+)")


def json_object(
    source: str | Path, what: str, kind: type[MocoiError], remedy: str = "bring back the original."
) -> dict[str, Any]:
    """Read a text, or a file, that holds a JSON object; an error of this kind names ``what`` it is, and the remedy."""
    try:
        content = json.loads(source if isinstance(source, str) else source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise kind(f"{what} cannot be read as JSON ({why}): {remedy}") from error
    if not isinstance(content, dict):
        raise kind(f"{what} cannot be read, because it is no JSON object: {remedy}")
    return content


def reads_as_itself(text: Any) -> bool:
    """False: MONAI takes the text for an expression, a reference or a macro, or cuts it (``$``, ``@``, ``%``)."""
    try:
        read = ConfigParser({"texts": [text]}).get_parsed_content("texts")
    except Exception:
        return False
    return bool(read == [text]) and not str(text).startswith("_")


def check_labels_readable(labels: Iterable[str], kind: type[MocoiError]) -> None:
    """Refuse labels that MONAI would read as something else, with an error of this kind."""
    for label in labels:
        if not reads_as_itself(label):
            raise kind(
                f"the label {label!r} has a sign that MONAI's configs take for one of theirs ($, @, % or _ in front, "
                "or # in it): give it another name in datalist.json (and train again)."
            )


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a JSON value, except for the keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from texts_in(part)


def whole_number(config: Mapping[str, Any], name: str) -> int:
    """A constant as it is on real data: ``"$64 if @demo else 224"`` is 224; another form is an AdaptError."""
    value = config.get(name)
    if isinstance(value, str) and (parts := _DEMO.fullmatch(value)):
        return int(parts[2])
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise AdaptError(
        f"{name} in train.json of the bundle is {value!r}, but must be a whole number, or of the form "
        "'$64 if @demo else 224'."
    )


def for_real_data(config: Mapping[str, Any], name: str, value: int) -> int | str:
    """The constant with another number on real data; on phantoms it stays what it was."""
    old = config[name]
    parts = _DEMO.fullmatch(old) if isinstance(old, str) else None
    on_phantoms = int(parts[1]) if parts else int(old)
    return value if value == on_phantoms else f"${on_phantoms} if @demo else {value}"
