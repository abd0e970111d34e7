"""A loss that became NaN or infinite: the error that stops all processes, and a report of where to look."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch

from monai_mocoi.distributed import gather_objects, rank
from monai_mocoi.engines.iteration_values import IterationValues
from monai_mocoi.errors import NotFiniteError
from monai_mocoi.files.atomic_write import write_json


def stop_all(trainer: Any, found: IterationValues) -> NoReturn:
    """Stop all processes with the same NotFiniteError; each leaves a report of what it saw, in ``trainer.debug_dir``.

    The report, ``not_finite_iteration_<n>_process_<rank>.json``, holds no picture and no name: images are rows of the
    datalist. Where it cannot be written, the error says why. ``found`` are the iteration's values.
    """
    iteration, batch, folder = found.iteration, found.batch, trainer.debug_dir
    values, losses = dict(zip(found.names, found.own.tolist(), strict=True)), found.losses
    bad = [name for name in losses if not math.isfinite(values[name])]
    anywhere = {name for names in gather_objects(bad) for name in names}
    terms = [name for name in losses if name in anywhere]
    rows = [row for part in gather_objects(batch["index"].tolist() if "index" in batch else []) for row in part]
    details = ""
    if folder is not None:
        report = Path(folder) / f"not_finite_iteration_{iteration}_process_{rank()}.json"
        try:
            write_json(report, _report(trainer, iteration, batch, values, bad))
            details = f" Details: {report}."
        except OSError as error:
            details = f" The report with details could not be written ({error.strerror})."
    raise NotFiniteError(
        f"iteration {iteration}: {', '.join(terms)} is not finite. The batch held the images {rows} (rows of "
        f"{trainer.image_list}, from 0).{details} Look at these images; if they are sound, start a new run with a "
        "lower learning_rate, with max_grad_norm (for example 1.0), or with precision float32.",
        *(iteration, terms, rows),
    )


def _report(
    trainer: Any, iteration: int, batch: Mapping[str, torch.Tensor], values: Mapping[str, float], bad: list[str]
) -> dict[str, Any]:
    views = [name for name in ("view1", "view2", "image") if name in batch]
    rows = batch["index"].tolist() if "index" in batch else [None] * len(batch[views[0]])
    parameters = list(trainer.module.named_parameters())
    gradients = [(name, p.grad) for name, p in parameters if p.grad is not None]
    bad_gradients = [name for name, gradient in gradients if not torch.isfinite(gradient).all()]
    return {
        "iteration": iteration,
        "epoch": trainer.state.epoch,
        "not_finite": bad,
        # JSON has no NaN.
        "values": {name: value if math.isfinite(value) else str(value) for name, value in values.items()},
        "weights_not_finite": [name for name, weight in parameters if not torch.isfinite(weight).all()],
        # Values that are read late find the gradients of the next iteration.
        **({} if trainer.outputs.late else {"gradients_not_finite": bad_gradients}),
        "images": [
            {"row": row, **{view: _described(batch[view][place]) for view in views}} for place, row in enumerate(rows)
        ],
    }


def _described(view: torch.Tensor) -> dict[str, Any]:
    view = view.detach().float()
    finite = view[torch.isfinite(view)]
    count = {"not_finite_pixels": view.numel() - finite.numel()}
    if finite.numel() == 0:
        return count
    return {**count, "min": float(finite.min()), "max": float(finite.max()), "mean": float(finite.mean())}
