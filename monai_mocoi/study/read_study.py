"""Reading of ``study.yaml``: a Study, or one error that names every wrong place, with its value and what it takes."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from monai_mocoi.errors import StudyError
from monai_mocoi.study.study_file import Config, Study, evaluations_of

SET_BY = {
    **{"dataset_dir": "datasets", "output_dir": "output_dir", "run_dir": "output_dir", "analysis_dir": "output_dir"},
    **{
        "evaluation_dir": "output_dir",
        "seed": "pretrain_seeds",
        "label_fraction": "fractions",
        "label_seed": "label_seeds",
    },
    **{
        "pretrained": "arms",
        "architecture": "arms",
        "trainable": "evaluations",
        "solver": "evaluations",
        "stage": "analyses",
        "parts": "analyses",
    },
    **{"probe_fractions": "fractions", "probe_seeds": "label_seeds", "finetuned": "analyses", "few_labels": "analyses"},
    **{"all_labels": "analyses", "all_labels_again": "analyses", "resume": "study run", "overwrite": "study run"},
    **{"bundle": "datasets", "modality": "datasets", "split": "primary"},
}
"""Settings that a study sets itself, and the field that decides them."""
OF_IMAGES = {"image_size", "intensity"}
"""Settings of an encoder's images that its evaluations take over, unless they are given."""


class _Loader(yaml.SafeLoader):
    """YAML without a key that is there twice."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            mark = key.start_mark
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
    if wrong := list(_misfits(study)):
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


def _misfits(study: Study) -> Iterator[str]:
    """What fits by itself, but not together."""
    for name in ("datasets", "arms"):
        ids = [own.id for own in getattr(study, name)]
        for id in dict.fromkeys(id for id in ids if ids.count(id) > 1):
            yield f"{name} has {id!r} more than once: give each another id"
    for name in ("evaluations", "analyses", "fractions", "label_seeds", "pretrain_seeds"):
        values = getattr(study, name)
        if repeated := [value for value in dict.fromkeys(values) if values.count(value) > 1]:
            yield f"{name} has {repeated[0]} more than once: leave one out"
    own = study.primary
    arms = {arm.id: arm for arm in study.arms}
    known: dict[str, list[object]] = {"dataset": [d.id for d in study.datasets], "arm": [*arms], "against": [*arms]}
    known |= {"evaluation": [*study.evaluations], "fraction": [*study.fractions]}
    for name, values in known.items():
        if getattr(own, name) not in values:
            yield f"primary.{name} is {getattr(own, name)!r}, but the study has {', '.join(map(str, values))}"
    if own.arm == own.against:
        yield f"primary compares {own.arm!r} with itself: name two arms"
    for role in (own.arm, own.against):
        if role in arms and own.evaluation not in evaluations_of(arms[role]):
            can = " or ".join(evaluations_of(arms[role])) or "neither"
            yield f"primary.evaluation is {own.evaluation}, but the arm {role} ({arms[role].kind}) can have {can} only"
    yield from _other_images(study)
    places = [(f"settings.{config}", settings) for config, settings in study.settings.items()]
    for place, settings in (*places, *((f"the arm {arm.id}", arm.settings) for arm in study.arms)):
        for name in settings:
            if name in SET_BY:
                yield f"{place} has {name}, which the study sets itself: by {SET_BY[name]}"


def _other_images(study: Study) -> Iterator[str]:
    """Arms that would be compared on images of another size or scale: an encoder's own are the default of what follows.

    Random and given weights would have those of the bundle, unless ``settings`` of ``finetune`` say the same for all.
    """
    of_arms = ((f"the arm {arm.id}", arm.settings) for arm in study.arms)
    after: tuple[Config, ...] = ("finetune", "analyze") if study.analyses else ("finetune",)
    for place, settings in (("settings.train", study.settings.get("train", {})), *of_arms):
        for name in sorted(OF_IMAGES & settings.keys()):
            for config in after:
                if study.settings.get(config, {}).get(name) != settings[name]:
                    yield (
                        f"{place} has {name} {settings[name]!r}, so that arms would be compared on different images: "
                        f"give settings.{config} the same {name}"
                    )
