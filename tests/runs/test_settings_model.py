"""The settings model has every constant of the bundles, with the choices of the classes that take them."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.analysis.interval_settings import INTERVALS
from monai_mocoi.data import resolved_cache_bits
from monai_mocoi.data.decode_errors import ON_BAD_IMAGE
from monai_mocoi.data.label_fraction import VALIDATION_LABELS
from monai_mocoi.engines import PRECISIONS
from monai_mocoi.handlers.collapse_monitor import ON_COLLAPSE
from monai_mocoi.metrics import KERNELS, SELECTION_METRICS
from monai_mocoi.networks import ARCHITECTURES, STAGE_POOLINGS, TRAINABLE
from monai_mocoi.networks.projection_head import KINDS
from monai_mocoi.networks.resnet_shape import STAGES_AND_ALL
from monai_mocoi.report import encoder_analysis
from monai_mocoi.runs.setting_ranges import allowed, field_schemas, json_schema
from monai_mocoi.runs.settings_model import MODELS, OVERLAYS, AnySettings, model_of
from monai_mocoi.transforms.fit_square import FIT_MODES
from monai_mocoi.transforms.rescale_intensity import INTENSITY_MODES
from tests.bundles.conftest import BUNDLES

CONFIGS = sorted(p for p in BUNDLES.glob("*_*/configs/*.json") if p.stem in {*MODELS, *OVERLAYS})
FOLLOWS = {"pretraining", "method"}  # stand in `settings` alone


def choices(setting: str) -> tuple[Any, ...]:
    return tuple(field_schemas()[setting]["enum"])


def constants(config: dict[str, Any]) -> dict[str, Any]:
    """What stands above ``settings``; of an overlay all that is no object."""
    names = list(config)
    above = names[: names.index("settings")] if "settings" in config else names
    return {n: config[n] for n in above if n not in ("$schema", "imports") and not isinstance(config[n], dict)}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: f"{p.parts[-3]}-{p.stem}")
def test_every_constant_of_the_bundles_has_a_field_that_takes_it(path: Path) -> None:
    config = json.loads(path.read_text())
    own = constants(config)
    assert set(own) <= set(field_schemas(path.stem))
    assert set(config.get("settings", {})) <= {*field_schemas(path.stem), *FOLLOWS}
    for name in config.get("settings", {}):  # what a run writes down: no place, which could name people
        assert "'format': 'path'" not in str(field_schemas(path.stem).get(name))
    model_of(path.stem).model_validate({n: v for n, v in own.items() if not (isinstance(v, str) and v[:1] in "$@%")})


@pytest.mark.parametrize("name", MODELS)
def test_every_field_is_a_constant_of_some_bundle(name: str) -> None:
    stems = {name, *(overlay for overlay, of in OVERLAYS.items() if of == name)}
    contents = [json.loads(path.read_text()) for path in CONFIGS if path.stem in stems]
    found = {key for content in contents for key in {*content, *content.get("settings", ())}}
    assert set(field_schemas(name)) <= found


@pytest.mark.parametrize(
    ("setting", "of_class"),
    [
        ("precision", PRECISIONS),
        ("metric", SELECTION_METRICS),
        ("trainable", TRAINABLE),
        ("stage", STAGES_AND_ALL),
        ("architecture", ARCHITECTURES),
        ("stage_pooling", STAGE_POOLINGS),
        ("kernel", KERNELS),
        ("head", KINDS),
        ("resize_mode", FIT_MODES),
        ("intensity", INTENSITY_MODES),
        ("on_bad_image", ON_BAD_IMAGE),
        ("on_collapse", ON_COLLAPSE),
        ("validation_labels", VALIDATION_LABELS),
        ("interval", INTERVALS),
        ("split", ("training", "validation", "test")),
    ],
)
def test_choices_are_those_of_the_class_that_takes_them(setting: str, of_class: tuple[Any, ...]) -> None:
    assert choices(setting) == tuple(of_class)


def test_choices_that_stand_among_other_values() -> None:
    for part in encoder_analysis.PARTS:
        AnySettings.model_validate({"parts": [part]})
    assert ", ".join(encoder_analysis.PARTS) in allowed("parts")
    assert set(choices("pooling")) == {"vector", "map"}
    for bits in choices("cache_bits"):
        assert resolved_cache_bits(bits, [], lambda path: path) in (8, 16)


def test_each_constant_is_described_in_one_line_and_the_same_in_every_config() -> None:
    everywhere = field_schemas()
    for name in MODELS:
        for key, schema in field_schemas(name).items():
            assert schema["description"].endswith(".")
            assert "\n" not in schema["description"]
            if key != "run_dir":  # inference.json has a default of its own: the bundle's model
                assert schema == everywhere[key]


@pytest.mark.parametrize("name", [*MODELS, *OVERLAYS])
def test_the_json_schema_takes_values_and_expressions(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(json_schema(name)).is_valid
    assert check({"batch_size": 8, "seed": 1, "device": "cuda:1", "another": {}})
    assert check({"batch_size": "$32 if @demo else 64", "seed": "@other"})
    assert not check({"batch_size": 0})
    assert not check({"precision": "fp32"})
    for path in CONFIGS:
        if path.stem == name:
            jsonschema.validate(json.loads(path.read_text()), json_schema(name))


def test_the_model_is_light() -> None:
    code = "import sys, monai_mocoi.runs.setting_ranges; sys.exit(any(m in sys.modules for m in ('torch', 'monai')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("page", "config"), [("pretraining", "train"), ("finetuning", "finetune"), ("analysis", "analyze")]
)
def test_the_docs_name_constants_that_there_are(repository: Path, page: str, config: str) -> None:
    lines = (repository / "docs" / f"{page}.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(("| Constant |", "| Setting |")))
    rows = itertools.takewhile(lambda line: line.startswith("| "), (line for line in lines[start + 2 :]))
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named
    assert named <= set(field_schemas(config))
