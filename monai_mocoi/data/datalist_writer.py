"""Writing a dataset folder's datalist and manifest; a folder that has a datalist is complete."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist_form import DATALIST_NAME, MANIFEST_NAME, PRETRAINING, SPLITS, is_labelled
from monai_mocoi.files.atomic_write import write_bytes, write_json
from monai_mocoi.files.file_signature import decoder_versions


def write_datalist(
    folder: str | Path,
    name: str,
    labels: Sequence[str],
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
    manifest: Mapping[str, Any],
    columns: Sequence[str] = (),
) -> str:
    """Write ``manifest.json`` and then, last, ``datalist.json``.

    Args:
        folder: the dataset folder.
        name, labels: as in :class:`~monai_mocoi.data.Datalist`.
        splits: the items by split; of each, the keys ``image`` (relative path), ``label`` (if it has one) and
            ``patient`` are written, and those named in ``columns``.
        manifest: what the source adds to the manifest: at best ``source``, ``seed``, ``options``, ``exclusions``.
            ``counts``, ``versions`` and ``datalist_sha256`` are added here. Where some images have labels, ``counts``
            tells by split how many have none (``unlabelled``), and of how many a finding is not known (``unknown``).
        columns: other keys of the items to write, such as ``sex`` and ``age``: nothing else of an item gets into the
            file.

    Returns:
        the SHA-256 of ``datalist.json`` in hexadecimal.
    """
    lines = [
        f'"name": {json.dumps(name, ensure_ascii=False)}',
        '"labels": ' + json.dumps({str(i): label for i, label in enumerate(labels)}, ensure_ascii=False),
    ]
    written = [*SPLITS, *([PRETRAINING] if splits.get(PRETRAINING) else [])]
    for split in written:
        items = [
            json.dumps(
                {
                    key: item[key]
                    for key in ("image", "label", "patient", *columns)
                    if key in item and (key != "label" or is_labelled(item))
                },
                ensure_ascii=False,
            )
            for item in splits.get(split, ())
        ]
        lines.append(f'"{split}": [' + ",".join(f"\n  {item}" for item in items) + ("\n]" if items else "]"))
    content = ("{\n" + ",\n".join(lines) + "\n}\n").encode()
    digest = hashlib.sha256(content).hexdigest()
    has_labels = any(is_labelled(item) for split in written for item in splits.get(split, ()))
    counts = {
        split: {
            "images": len(items),
            "patients": len({item["patient"] for item in items}),
            **(_not_known(items, labels) if has_labels else {}),
        }
        for split, items in ((split, splits.get(split, ())) for split in written)
    }
    folder = Path(folder)
    write_json(
        folder / MANIFEST_NAME,
        {**manifest, "counts": counts, "versions": decoder_versions(), "datalist_sha256": digest},
    )
    write_bytes(folder / DATALIST_NAME, content)
    return digest


def _not_known(items: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> dict[str, Any]:
    """How many have no label, and of which findings how many values are not known; empty where all is known."""
    held = [item["label"] for item in items if is_labelled(item)]
    unknown = {
        name: count
        for column, name in enumerate(labels)
        if (count := sum(isinstance(label, Sequence) and label[column] is None for label in held))
    }
    without = len(items) - len(held)
    return ({"unlabelled": without} if without else {}) | ({"unknown": unknown} if unknown else {})
