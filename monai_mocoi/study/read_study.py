"""Reading of ``study.yaml``: a Study, or one error that names every wrong place, with its value and what it takes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from monai_mocoi.errors import StudyError
from monai_mocoi.study.misfits import misfits
from monai_mocoi.study.study_file import Study


class _Loader(yaml.SafeLoader):
    """YAML without a key that is there twice."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        mark = key.start_mark
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key must be one word, no list or mapping", problem_mark=mark)
        if key.value in seen:
            raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} is there twice", problem_mark=mark)
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_study(path: str | os.PathLike[str]) -> Study:
    """Read and check the file. Raises StudyError."""
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror}): give the study's YAML file.") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{path} is not a UTF-8 text: save it as UTF-8.") from error
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise StudyError(f"{path.name} is not valid YAML{where}: {problem or error}.") from error
    if not isinstance(content, Mapping):
        raise StudyError(f"{path.name} has no fields: it needs {_required()}.")
    return study_of(content, path.name)


def study_of(content: Mapping[str, Any], name: str = "study.yaml") -> Study:
    """Check content that was read already. Raises StudyError."""
    try:
        study = Study.model_validate(dict(content))
    except ValidationError as error:
        found = error.errors(include_url=False)
        # Where a part is wrong, its list counts as empty as well.
        parts = {one["loc"][:-1] for one in found}
        lines = [_in_words(one) for one in found if one["type"] != "too_short" or one["loc"] not in parts]
        raise StudyError("\n  ".join([f"{name} cannot be used:", *dict.fromkeys(lines)])) from None
    if wrong := list(misfits(study)):
        raise StudyError("\n  ".join([f"{name} cannot be used:", *wrong]))
    return study


def _required() -> str:
    return ", ".join(name for name, field in Study.model_fields.items() if field.is_required())


def _place(loc: Sequence[str | int]) -> str:
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def _in_words(error: Mapping[str, Any]) -> str:
    """One wrong place: where it is, what is there, what could be."""
    loc = [part for part in error["loc"] if part != "[key]"]
    place = _place(loc)
    kind, value = error["type"], error["input"]
    if kind == "missing":
        return f"{place} is missing: add it"
    if kind == "extra_forbidden":
        owner = _place(loc[:-1])
        return f"{place} is no field{f' of {owner}' if owner else ''}: leave it out, or see the worked example"
    if kind == "too_short":
        return f"{place} is empty: give one or more"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    shown = value if isinstance(value, str | int | float | bool) or value is None else type(value).__name__
    return f"{place} is {shown!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
