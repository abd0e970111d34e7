"""``metadata.json``, ``README.md`` and ``data_license.txt`` of an adapted bundle: the source's, as far as they hold."""

import re
from collections.abc import Mapping
from typing import Any

from monai_mocoi.networks.architectures import architecture_in_words
from monai_mocoi.packaging.adaptation import Adaptation
from monai_mocoi.packaging.encoder_metadata import named_after, with_encoder
from monai_mocoi.packaging.owner import METHOD, NOT_STATED, stated_in
from monai_mocoi.packaging.package_configs import value_range
from monai_mocoi.packaging.run_words import PUBLIC_SETS, render

_CHANNELS = {
    1: ("magnitude", {"0": "grey value"}, "one-channel"),
    3: ("RGB", {"0": "red", "1": "green", "2": "blue"}, "colour"),
}
_WHOSE_REASONS = "These are reasons of the bundle that this one was made from,"
_ADAPTED = "adapted from "


def is_adapted(metadata: Mapping[str, Any]) -> bool:
    """Whether ``metadata.json`` is that of an adapted bundle."""
    return any(str(text).startswith(_ADAPTED) for text in metadata.get("changelog", {}).values())


def adapted_metadata(metadata: Mapping[str, Any], train: Mapping[str, Any], made: Adaptation) -> dict[str, Any]:
    """The source's ``metadata.json`` for another data set, given the new ``train.json``; versions and method stay."""
    channels, size = made.chosen("channels"), made.chosen("image_size")
    form, channel_def, kind = _CHANNELS[int(str(channels))]
    changed = with_encoder(metadata, made.architecture)
    version = changed["version"] = "0.1.0"
    changed |= {
        "changelog": {version: f"{_ADAPTED}{made.source} to this data set"},
        "name": made.name,
        "task": f"Self-supervised pretraining of a {architecture_in_words(made.architecture)} on images: {made.title}",
        "authors": f"{made.owner.authors or NOT_STATED}; configs by the monai_mocoi developers; {METHOD}",
        "data_source": f"the data set {made.title}, whose datalist.json has the SHA-256 {made.datalist.sha256}",
        "data_type": ", ".join(made.facts.suffixes),
        "image_classes": f"{kind} images ({made.title}), scaled to 0..1, then (value - {train['mean']}) / "
        f"{train['std']}",
        "label_classes": f"none in pretraining; for fine-tuning: {made.labels.in_words()}",
        "intended_use": "Research: pretraining an encoder on images of this kind, and fine-tuning it. It is no medical "
        "device and makes no diagnosis.",
    }
    for name, value in (("contact", made.owner.contact), ("stated", stated_in(made.owner))):
        changed.pop(name, None)  # of a source that was adapted itself
        if value:
            changed[name] = value
    image = changed["network_data_format"]["inputs"]["image"]
    image |= {
        "format": form,
        "num_channels": channels,
        "spatial_shape": [size, size],
        "value_range": value_range(train),
        "channel_def": channel_def,
    }
    if made.modality != made.source_modality:
        image["modality"] = made.modality
    return changed


def data_text(of_source: str, made: Adaptation) -> str:
    """``docs/data_license.txt``: the maker's statement; the terms of the public data set, if it is that; or neither."""
    if made.owner.data_statement is not None:
        return made.owner.data_statement
    if made.datalist.name == PUBLIC_SETS.get(made.source_modality):
        return of_source
    return (
        "This bundle contains no data. Whoever made it has stated nothing on the images that it is made for: whose\n"
        "they are, under which terms, and with whose consent they are used. Ask them.\n"
        "\n"
        "Phantoms (dataset_dir demo) are drawn by monai_mocoi; they show nobody and fall under its licence.\n"
    )


def adapted_readme(readme: str, made: Adaptation) -> str:
    """The source's ``README.md`` with new numbers; sections on the data and the commands are written anew."""
    # The bundle's name, where it is one, in commands and between backticks: it may be a word as well.
    word = rf"\b{re.escape(made.source)}\b"
    code = r"^    .*$|`[^`\n]+`"
    readme = named_after(readme, made.architecture)
    renamed = re.sub(code, lambda found: re.sub(word, made.name, found[0]), readme, flags=re.MULTILINE)
    head, *sections = re.split(r"^(?=## )", renamed, flags=re.MULTILINE)
    method = re.match(r"# \S+: (.+?) on ", head)
    title = f"# {made.name}: {method[1] if method else 'pretraining'} on {made.title}\n"
    text = [title + head.partition("\n")[2]]
    for section in sections:
        heading = section.partition("\n")[0]
        if heading.startswith("## Run"):
            run = render("adapted_run.md.j2", made=made, not_stated=NOT_STATED)
            text.append(run + section[section.find("Every constant") :])
        elif heading.startswith("## Then"):
            commands = re.sub(r" --(dataset_dir|output_dir) \S+", "", section)  # those of the source's data set
            text.append(re.sub(r"`runs/[^/`]+/finetune", f"`runs/{made.name}/finetune", commands))
        elif heading.startswith("## The paper"):
            text.append(_with_new_numbers(section, made))
        elif not heading.startswith("## What was set"):  # of a source that was adapted itself
            text.append(section)
    return "".join(part.rstrip() + "\n\n" for part in text).rstrip() + "\n"


def _with_new_numbers(section: str, made: Adaptation) -> str:
    size, batch, queue = (made.chosen(name) for name in ("image_size", "batch_size", "queue_size"))

    def row(match: re.Match[str]) -> str:
        first, now, rest = match[1], match[2], match[3]
        if first == "Image":
            now = re.sub(r"\d+ px, batch \d+", f"{size} px, batch {batch}", now)
            if made.chosen("resize_mode") == "crop":
                now = now.replace("the disc of the fundus cut out (`resize_mode` `fundus`), ", "")
        elif first == "Queue":
            now = re.sub(r"^\d+(,\d+)*", f"{queue:,}", now)
        elif made.chosen("channels") == 1:
            now = re.sub(r"stain jitter [\d.]+, ", "", now)
        return f"| {first} | {now} | {rest}"

    changed = re.sub(r"^\| (Image|Queue|Views) \| ([^|]*?) \| (.*)$", row, section, flags=re.MULTILINE)
    return changed.partition(_WHOSE_REASONS)[0].rstrip() + f"\n\n{_WHOSE_REASONS} {made.source}.\n"
