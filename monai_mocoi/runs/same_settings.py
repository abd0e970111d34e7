"""Comparison of a run's settings with those it is to be continued with: only some may differ."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from monai_mocoi.errors import RunFolderError
from monai_mocoi.networks.architectures import DEFAULT_ARCHITECTURE

# Settings that may change when a run is continued; max_epochs makes it longer, and the schedule follows.
MAY_DIFFER = frozenset({
    "max_epochs", "device", "num_workers", "views_on", "compile", "activation_checkpointing", "checkpoint_every",
    "keep_checkpoints", "val_interval", "watch_every", "plot_every", "check_every", "on_collapse", "probe_every",
})  # fmt: skip
# But not where the best epoch on validation counts, which a run with a ``patience`` looks for.
_OF_A_CHOICE = frozenset({"val_interval"})
# Settings that earlier versions did not record. What each decides is compared all the same: the architecture as a part
# of the network that a checkpoint describes, and by the hash of the weights. The overlap counts for aligned stages
# only, of which there were none. How the best epoch is chosen follows from constants, unless an override is deeper.
_RECORDED_LATER = ("architecture", "stage_min_overlap", "validation")
_AS_IT_WAS = {"architecture": DEFAULT_ARCHITECTURE}  # random weights have no hash that would tell
_ADVICE = {
    "world_size": "Start as many processes as before (torchrun --nproc_per_node).",
    "trainer.precision": "What precision auto is depends on the device: set precision to the earlier one (fp16 needs a "
    "GPU).",
    "data.readable_images": "Bring the images back to what they were.",
}
_SHOWN = 12


def check_same_settings(saved: Mapping[str, Any], now: Mapping[str, Any], what: str) -> None:
    """Refuse (RunFolderError) to continue with settings other than those that were ``saved``, found in ``what``.

    Both are plain values, nested ones too; a name that is absent counts as None. The text has what differs, with both
    values; of long texts and nested values only the part that does.
    """
    saved = as_recorded_now(saved, now)
    free = MAY_DIFFER - (_OF_A_CHOICE if "patience" in {**saved, **now} else set())
    if "auto" in (saved.get("precision"), now.get("precision")):  # what it came to is for the checkpoint to compare
        free |= {"precision"}
    names = [name for name in {**saved, **now} if name not in free]
    differing = dict(_differences({n: saved.get(n) for n in names}, {n: now.get(n) for n in names}))
    if not differing:
        return
    shown = [f"{name} {change}" for name, change in differing.items()][:_SHOWN]
    shown += [f"and {len(differing) - _SHOWN} more"] if len(differing) > _SHOWN else []
    raise RunFolderError(
        f"the run cannot be continued: {what} was made with other settings (before -> now): {'; '.join(shown)}. "
        f"Nothing was changed. {''.join(f'{text} ' for name, text in _ADVICE.items() if name in differing)}"
        f"Give the earlier settings, or choose another {folder_setting(now)} for a run of its own."
    )


def as_recorded_now(saved: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an earlier run; what no version recorded at its time is as it was then, or else as it is ``now``."""
    return {**{name: _AS_IT_WAS.get(name, now[name]) for name in _RECORDED_LATER if name in now}, **saved}


def folder_setting(settings: Mapping[str, Any]) -> str:
    """The setting that gives a run another folder; for fine-tuning ``run_dir``: its encoder lies in ``output_dir``."""
    return "run_dir" if "trainable" in settings else "output_dir"


def _differences(saved: Any, now: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Name and "before -> now" of each part that differs."""
    if isinstance(saved, Mapping) and isinstance(now, Mapping):
        for key in {**saved, **now}:
            yield from _differences(saved.get(key), now.get(key), f"{name}.{key}".strip("."))
    elif _are_parts(saved) and _are_parts(now) and len(saved) == len(now):
        for place, (one, two) in enumerate(zip(saved, now, strict=True)):
            yield from _differences(one, two, f"{name}.{place}")
    elif saved != now:
        yield name, " -> ".join(_shown(saved, now))


def _are_parts(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(part, Mapping) for part in value)


def _shown(*values: Any) -> list[str]:
    if all(isinstance(value, str) for value in values):
        # A description such as "MoCo(momentum=0.99, bn_splits=2)": what both have says nothing.
        parts = [re.split(r"\n\s*|[(,]\s*(?=\w+=)", value.removesuffix(")")) for value in values]
        common = set(parts[0]).intersection(*parts)
        if common:
            return [", ".join(part for part in own if part not in common) or "..." for own in parts]
    return [value.get("class", "...") if isinstance(value, Mapping) else repr(value) for value in values]
