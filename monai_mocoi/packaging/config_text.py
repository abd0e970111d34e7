"""Whether a text stays a text in one of MONAI's configs."""

from __future__ import annotations

from typing import Any

from monai.bundle import ConfigParser


def reads_as_itself(text: Any) -> bool:
    """False: MONAI takes the text for an expression, a reference or a macro, or cuts it (``$``, ``@``, ``%``)."""
    try:
        read = ConfigParser({"texts": [text]}).get_parsed_content("texts")
    except Exception:
        return False
    return bool(read == [text]) and not str(text).startswith("_")
