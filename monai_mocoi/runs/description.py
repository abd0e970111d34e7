"""What a trainer learns with, as plain values: a run may only be continued by a trainer of the same description.

It is taken from the parts that are in use, so that any override shows, however deep in a config it stands.
"""

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine
from monai.transforms import Transform
from torch import nn

from monai_mocoi.engines import GradientTrainer
from monai_mocoi.engines.evaluator import AutocastEvaluator
from monai_mocoi.runs.settings import plain

_PRECISIONS = {None: "float32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def describe_training(trainer: GradientTrainer) -> dict[str, Any]:
    """Describe, in plain values, whatever changes what is learnt: no path, and no name of an image.

    It is ``network`` (a text for each module, by its path), ``optimizer``, ``trainer`` (its losses and precision too),
    ``data`` (views, decoding, sampler, and which images can be read, as a count and a digest), ``handlers`` (those that
    hold the optimiser or the network), ``validation`` (if there is any: what measures, and what chooses the best epoch
    by it). The learning rate is that of the moment, so call it before the first step.
    """
    loader = trainer.data_loader
    dataset = getattr(loader, "dataset", None)
    dataset = getattr(dataset, "dataset", dataset)  # inside its batches, see monai_mocoi.data.loader
    return plain(
        {
            "network": described(trainer.module),
            "optimizer": described(trainer.optimizer),
            "trainer": {
                "precision": described_precision(trainer),
                **{name: described(getattr(trainer, name)) for name in trainer.described},
            },
            "data": {
                "views": described(getattr(dataset, "transform", None)),
                "decode": described(getattr(dataset, "decode", None)),
                "seed": getattr(dataset, "seed", None),
                "bits": getattr(dataset, "bits", None),
                "readable_images": _readable_images(dataset),
                "sampler": described(getattr(loader, "sampler", None)),
                "batch_size": getattr(loader, "batch_size", None),
                "drop_last": getattr(loader, "drop_last", None),
            },
            "handlers": dict(sorted((type(h).__name__, described(h)) for h in _acting_handlers(trainer))),
            **({"validation": validation} if (validation := dict(_validation(trainer))) else {}),
        }
    )


def described_precision(trainer: GradientTrainer) -> str:
    """In which precision a trainer computes, as the setting names it."""
    return _PRECISIONS[trainer.autocast]


def described(value: Any, inside: bool = False) -> Any:
    """Describe an object, in plain values, by its class and those attributes that are its arguments, or transforms.

    So what a random transform drew last is not in it. Of a module there is a text for each module in it, by its path
    ("" is its own). ``inside`` another object that is described, of what is neither plain nor a transform only the
    class is told.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): described(item, inside) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [described(item, inside) for item in value]
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        return value.tolist()
    if hasattr(value, "__qualname__"):  # a function or a class
        return f"{value.__module__}.{value.__qualname__}"
    if inside and not isinstance(value, Transform):
        return type(value).__name__
    if isinstance(value, nn.Module):
        return {path: _module(module) for path, module in value.named_modules()}
    if isinstance(value, torch.optim.Optimizer):
        groups = [{**group, "params": len(group["params"])} for group in value.param_groups]
        return {"class": type(value).__name__, "groups": described(groups)}
    inits = [vars(base).get("__init__") for base in type(value).__mro__]
    arguments = set().union(*(inspect.signature(init).parameters for init in inits if inspect.isfunction(init)))
    kept = {
        name: described(item, inside=True)
        for name, item in getattr(value, "__dict__", {}).items()
        if isinstance(item, Transform) or (name in arguments and not isinstance(item, nn.Module))
    }
    return {"class": type(value).__name__, **kept}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | bool | int | float)


def _module(module: nn.Module) -> str:
    """A module without what is in it; by its plain attributes where it does not tell itself."""
    words = module.extra_repr() or ", ".join(
        f"{name}={item!r}"
        for name, item in vars(module).items()
        if not name.startswith("_") and name != "training" and _is_plain(item)
    )
    return f"{type(module).__name__}({words})"


def _readable_images(dataset: Any) -> str | None:
    rows = getattr(dataset, "rows", None)
    if rows is None:
        return None
    digest = hashlib.sha256(" ".join(map(str, rows)).encode()).hexdigest()
    return f"{len(rows)} of {len(dataset.data)} (digest of their rows {digest[:12]})"


def _acting_handlers(trainer: GradientTrainer) -> Iterator[Any]:
    return (own for own in _handlers(trainer) if hasattr(own, "optimizer") or hasattr(own, "network"))


def _validation(trainer: GradientTrainer) -> Iterator[tuple[str, Any]]:
    """The evaluators that handlers run or read, and the handlers that choose an epoch by them."""
    for owner in _handlers(trainer):
        validator = getattr(owner, "validator", None)
        if isinstance(validator, AutocastEvaluator):
            yield type(validator).__name__, {name: described(getattr(validator, name)) for name in validator.described}
            if hasattr(owner, "selection"):
                yield type(owner).__name__, described(owner)


def _handlers(trainer: GradientTrainer) -> Iterator[Any]:
    for handlers in trainer._event_handlers.values():
        for function, *_ in handlers:
            owner = getattr(function, "__self__", None)
            if owner is not None and not isinstance(owner, Engine):
                yield owner
