"""Write the bundles out from their templates, or check that the committed ones are what the templates give.

    python bundles/templates/write.py [--check]

A bundle is one template a file (``configs/``, ``docs/``), an overlay of its data set (``data/<data>.json``) and one of
its method (``methods/<method>.json``). An overlay names a file and the keys to set in it; dicts are merged, everything
else is replaced, and a new key comes behind the one before it in the overlay. What a method does otherwise on one data
set is under ``methods`` in that data set's overlay. Empty lines between top-level keys are kept. What the README
says of a data set, a method, or the two together is in ``docs/words/``.

``settings``, what a run records, is written here: a reference to each constant above it. Versions come from
``constraints.txt`` and the package, and that of CITATION.cff too. What ``metadata.json`` says of the encoder's features
follows from ``architecture`` of ``train.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import string
import sys
from pathlib import Path
from typing import Any

from versions import CITATION, cited, with_versions

from monai_mocoi.files.json_layout import config_text, group_starts, on_lines
from monai_mocoi.packaging.encoder_metadata import architecture_in, with_encoder
from monai_mocoi.runs.setting_ranges import json_schema

TEMPLATES = Path(__file__).resolve().parent
BUNDLES = TEMPLATES.parent
CONFIGS = (
    "metadata.json", "train.json", "paper.json", "finetune.json", "paper_finetune.json", "evaluate.json",
    "inference.json", "analyze.json",
)  # fmt: skip
# Not settings of the method, or said elsewhere; and places, which could name people, do not belong into what a run
# writes.
NO_SETTINGS = {
    "$schema", "imports", "bundle_root", "overwrite", "resume", "dataset_dir", "output_dir", "pretrained", "label_ids",
    "run_dir", "images", "inference_dir", "subgroups", "analysis_dir", "finetuned", "few_labels", "all_labels",
    "all_labels_again", "labels", "label_kind",
}  # fmt: skip
EXTRA_SETTINGS: dict[str, dict[str, Any]] = {
    "train.json": {"method": "METHOD_NAME"},
    "finetune.json": {"pretraining": "METHOD_NAME"},
    "evaluate.json": {},
    "inference.json": {"world_size": 1},  # one process: torchrun with more is refused
    "analyze.json": {"world_size": 1},
}
SCHEMAS = ("train", "finetune", "evaluate", "inference", "analyze")


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def snippets(name: str) -> dict[str, str]:
    """The texts that a data set, a method, or the two together have for the README, by their headings; may be none."""
    path = TEMPLATES / "docs" / "words" / f"{name}.md"
    parts = path.read_text(encoding="utf-8").split("## ")[1:] if path.is_file() else []
    return {heading: text.strip() for heading, _, text in (part.partition("\n") for part in parts)}


def merged(base: Any, overlay: Any) -> Any:
    """Lay an overlay over a base: dicts key by key, everything else replaced.

    A key that the base does not have comes behind the key before it in the overlay; the first one at the end.
    """
    if not (isinstance(base, dict) and isinstance(overlay, dict)):
        return overlay
    names, before = list(base), None
    for name in overlay:
        if name not in base:
            names.insert(len(names) if before is None else names.index(before) + 1, name)
        before = name
    return {
        name: merged(base[name], overlay[name])
        if name in base and name in overlay
        else overlay.get(name, base.get(name))
        for name in names
    }


def with_settings(config: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Fill in ``settings``: a reference to each constant above it."""
    names = list(config)
    constants = names[: names.index("settings")]
    return {**config, "settings": {name: f"@{name}" for name in constants if name not in NO_SETTINGS} | extra}


def bundle_files(data: str, method: str) -> dict[str, str]:
    """All files of a bundle, by their path within it."""
    of_data, of_method = read(TEMPLATES / "data" / f"{data}.json"), read(TEMPLATES / "methods" / f"{method}.json")
    overlays = [of_data, of_method, of_data.get("methods", {}).get(method, {})]
    name = f"{data}_{method}"
    architecture = architecture_in(read(TEMPLATES / "configs" / "train.json"))
    files = {}
    for file in CONFIGS:
        template = (TEMPLATES / "configs" / file).read_text(encoding="utf-8")
        config = json.loads(template)
        for overlay in overlays:
            config = merged(config, overlay.get(file, {}))
        if file == "metadata.json":
            config = with_encoder(with_versions(config), architecture)
        if file in EXTRA_SETTINGS:
            config = with_settings(config, EXTRA_SETTINGS[file])
        text = config_text(config, group_starts(template))
        files[f"configs/{file}"] = text.replace("BUNDLE_NAME", name).replace("METHOD_NAME", method)
    for schema in SCHEMAS:
        files[f"configs/schema/{schema}.json"] = on_lines(json_schema(schema)) + "\n"
    files["configs/logging.conf"] = (TEMPLATES / "configs" / "logging.conf").read_text(encoding="utf-8")
    words = {key: text for part in (data, method, name) for key, text in snippets(part).items()}
    readme = string.Template((TEMPLATES / "docs" / "README.md").read_text(encoding="utf-8"))
    files["docs/README.md"] = readme.substitute(words, bundle=name)
    files["docs/data_license.txt"] = (TEMPLATES / "docs" / f"data_license_{data}.txt").read_text(encoding="utf-8")
    files["LICENSE"] = (BUNDLES.parent / "LICENSE").read_text(encoding="utf-8")
    return files


def main() -> int:
    """Write or check; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the bundles from their templates.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a bundle differs")
    check = parser.parse_args().check
    differing = []
    for data in sorted(p.stem for p in (TEMPLATES / "data").glob("*.json")):
        for method in sorted(p.stem for p in (TEMPLATES / "methods").glob("*.json")):
            folder = BUNDLES / f"{data}_{method}"
            files = bundle_files(data, method)
            if check:
                found = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
                for name in sorted({*files, *found}):
                    if name not in files or name not in found or found[name].read_text(encoding="utf-8") != files[name]:
                        differing.append(f"bundles/{folder.name}/{name}")
                continue
            shutil.rmtree(folder, ignore_errors=True)
            for name, text in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
    if check and CITATION.read_text(encoding="utf-8") != cited():
        differing.append(CITATION.name)
    elif not check:
        CITATION.write_text(cited(), encoding="utf-8")
    if differing:
        print("These files differ from their templates; run `make bundles`:", *differing, sep="\n  ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
