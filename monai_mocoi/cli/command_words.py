"""The words of a command: config files, then pairs of a key and its value."""

from collections.abc import Sequence
from pathlib import Path

from monai_mocoi.errors import UsageError

_NOT_TAKEN = {
    "config_file": "config files are named without --config_file: mocoi run train.json paper.json --key value",
    "args_file": "--args_file is not taken; name its settings, or an overlay config that sets them",
}


def split_words(words: Sequence[str]) -> tuple[list[str], list[tuple[str, str | None]]]:
    """Part the words into config files, and pairs of a key and its value or None; UsageError for a stray one."""
    files, pairs = list[str](), list[tuple[str, str | None]]()
    for word in words:
        if word.startswith("--"):
            key, sign, value = word[2:].partition("=")
            if not key:
                raise UsageError(f"{word!r} names no setting; write --key value")
            if refused := _NOT_TAKEN.get(key.replace("-", "_")):
                raise UsageError(refused)
            pairs.append((key, value if sign else None))
        elif pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], word)
        elif pairs:
            raise UsageError(_stray(word, *pairs[-1]))
        else:
            files.append(word)
    return files, pairs


def _stray(word: str, key: str, value: str | None) -> str:
    if word.lower().endswith(".json"):
        return f"{word} comes after a setting; config files come first: mocoi run train.json {word} --key value"
    text = f"{word!r} belongs to no setting: --{key} has its value {value!r} already. "
    first, second = Path(value or ""), Path(word)
    if first.is_file() and second.is_file() and first.parent == second.parent:  # the shell wrote them out
        folder = f"give the folder: --{key} {first.parent}"
        return f"{text}Where the shell wrote out a pattern such as *{first.suffix}, {folder}"
    return f'{text}Write a list, or a text with spaces, as one word: --{key} "[1, 2]"'
