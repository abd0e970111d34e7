"""Write the bundles out from their templates, or check that the committed ones are what the templates give.

    python bundles/templates/write.py [--check]

A bundle is one template a file (``configs/``, ``docs/``), an overlay of its data set (``data/<data>.json``) and one of
its method (``methods/<method>.json``). An overlay names a file and the keys to set in it; dicts are merged, everything
else is replaced. What a method does otherwise on one data set stands under ``methods`` in that data set's
overlay. The settings that a run records are the constants above ``settings`` in ``train.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import string
import sys
from pathlib import Path
from typing import Any

from monai_mocoi.files.json_layout import on_lines

TEMPLATES = Path(__file__).resolve().parent
BUNDLES = TEMPLATES.parent
CONFIGS = (
    "metadata.json", "train.json", "paper.json", "multi_gpu_train.json", "finetune.json", "paper_finetune.json",
    "multi_gpu_finetune.json", "evaluate.json", "multi_gpu_evaluate.json", "inference.json", "analyze.json",
)  # fmt: skip
# Not settings of the method, or said elsewhere; and paths, which could name people, do not belong into what a run
# writes.
NO_SETTINGS = {
    "imports", "bundle_root", "overwrite", "resume", "rank", "dataset_dir", "output_dir", "pretrained", "label_ids",
    "analysis_dir", "finetuned", "few_labels", "all_labels", "all_labels_again", "labels", "label_kind",
}  # fmt: skip
EXTRA_SETTINGS = {
    "train.json": {"method": "METHOD_NAME"},
    "finetune.json": {"pretraining": "METHOD_NAME"},
    "evaluate.json": {},
    "inference.json": {},
    "analyze.json": {},
}


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def merged(base: Any, overlay: Any) -> Any:
    """Lay an overlay over a base: dicts key by key, everything else replaced."""
    if not (isinstance(base, dict) and isinstance(overlay, dict)):
        return overlay
    return {
        key: merged(base[key], overlay[key]) if key in base and key in overlay else overlay.get(key, base.get(key))
        for key in [*base, *(key for key in overlay if key not in base)]
    }


def with_settings(config: dict[str, Any], template: dict[str, Any], extra: dict[str, str]) -> dict[str, Any]:
    """Put the constants that an overlay adds above ``settings``, and fill it in: a reference to each constant."""
    names = list(template)
    constants = names[: names.index("settings")] + [name for name in config if name not in template]
    rest = [name for name in names if name not in constants and name != "settings"]
    settings = {name: f"@{name}" for name in constants if name not in NO_SETTINGS} | extra
    return {**{n: config[n] for n in constants}, "settings": settings, **{n: config[n] for n in rest}}


def bundle_files(data: str, method: str) -> dict[str, str]:
    """All files of a bundle, by their path within it."""
    of_data, of_method = read(TEMPLATES / "data" / f"{data}.json"), read(TEMPLATES / "methods" / f"{method}.json")
    overlays = [of_data, of_method, of_data.get("methods", {}).get(method, {})]
    name = f"{data}_{method}"
    files = {}
    for file in CONFIGS:
        config = template = read(TEMPLATES / "configs" / file)
        for overlay in overlays:
            config = merged(config, overlay.get(file, {}))
        if file in EXTRA_SETTINGS:
            config = with_settings(config, template, EXTRA_SETTINGS[file])
        files[f"configs/{file}"] = on_lines(config).replace("BUNDLE_NAME", name).replace("METHOD_NAME", method) + "\n"
    files["configs/logging.conf"] = (TEMPLATES / "configs" / "logging.conf").read_text(encoding="utf-8")
    words = {key: "\n".join(v) if isinstance(v, list) else v for o in overlays for key, v in o.get("words", {}).items()}
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
    if differing:
        print("These files differ from their templates; run `make bundles`:", *differing, sep="\n  ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
