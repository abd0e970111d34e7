"""Texts in MONAI's configs: whether they stay texts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from monai.bundle import ConfigParser

from monai_mocoi.errors import MocoiError


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
