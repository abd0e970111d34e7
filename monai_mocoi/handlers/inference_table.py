"""Table of an inference (CSV): one row per image, readable or not."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.analysis import TypicalFeatures
from monai_mocoi.data.decode_errors import warn_of_ignored_windows
from monai_mocoi.engines import RunEvents
from monai_mocoi.exit_codes import DATA
from monai_mocoi.files.atomic_write import write_csv
from monai_mocoi.runs.inference_words import done_in_words, warn_of_contradictions, warn_of_unusual
from monai_mocoi.runs.product_folders import check_inference_folder, empty_inference_folder
from monai_mocoi.runs.product_names import TABLE_NAME
from monai_mocoi.runs.setting_ranges import as_flag

logger = logging.getLogger(__name__)

_MOST_REASONS = 20  # shown in the log; the table has all of them
_UNUSUAL = "unlike the images that the classifier was made with"


@dataclass(eq=False, repr=False)
class InferenceTable:
    """Collect what :class:`~monai_mocoi.engines.ClassifierInference` says, and write it when all images are done.

    Columns of ``classified.csv``: ``row`` (from 1), ``image`` (its name), ``status`` ("ok" or "unreadable"),
    ``reason``, ``probability_<class>`` with all digits of a float64, then ``decision_<finding>`` (1 or 0) or,
    multiclass, ``decision`` (the name of the class); ``unusual_percentile``, 0 to 100, and ``note``: a sentence
    where the image seems to be of another kind than the classifier's own. What is not known is empty. The table names
    files, because who gave them needs to know which is which; the log names rows only.

    Args:
        items: the images with their ``name``, in the order of the engine's ``index``.
        kind: "multilabel" or "multiclass".
        overwrite: replace an earlier table and its overlays, which are removed when the engine starts. The texts
            "true" and "false" are accepted.
        unusual_limit: an image whose ``unusual_percentile`` reaches it gets a note: above 0, at most 100; 100 turns it
            off. Of images of the classifier's own kind about ``100 - unusual_limit`` % reach it.
        typical: as the engine has it: on how many validation images the percentiles are based.
    """

    writes: ClassVar[dict[str, str]] = {"{folder}/classified.csv": "probabilities and decisions, a row an image"}

    folder: str | os.PathLike[str]
    items: Sequence[Mapping[str, str]]
    classes: Sequence[str]
    kind: str
    overwrite: bool | str = False
    unusual_limit: float = 99.0
    typical: TypicalFeatures | None = None

    def __post_init__(self) -> None:
        as_flag("overwrite", self.overwrite)
        self._forget()

    def check(self) -> None:
        """Refuse a folder that holds an earlier table (RunFolderError)."""
        check_inference_folder(self.folder, self.overwrite)

    def attach(self, engine: Workflow) -> None:
        """Register on an engine."""
        engine.add_event_handler(RunEvents.OPEN_RUN, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._take)
        engine.add_event_handler(RunEvents.WRITE_PRODUCTS, self._write)
        engine.add_event_handler(RunEvents.CLOSE_RUN, self._sum_up)

    def exit_if_unreadable(self) -> None:
        """End the process with the code of bad data, if an image could not be read: for ``finalize``."""
        if self.unreadable:
            sys.exit(DATA)

    def _start(self, engine: Workflow) -> None:
        self.check()
        empty_inference_folder(Path(self.folder))
        self._forget()

    def _forget(self) -> None:
        self.unreadable: dict[int, str] = {}
        self._percentiles: dict[int, float] = {}
        self._contradictions: dict[int, str] = {}
        self._known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._windows_ignored = 0

    def _take(self, engine: Workflow) -> None:
        output: dict[str, Any] = engine.state.output
        rows = zip(output["probabilities"], output["decisions"], strict=True)
        self._known.update(zip(output["index"].tolist(), rows, strict=True))
        self._windows_ignored += output.get("windows_ignored", 0)
        self._contradictions |= output.get("contradictions", {})
        if (percentiles := output.get("unusual_percentiles")) is not None:
            self._percentiles.update(zip(output["index"].tolist(), percentiles.tolist(), strict=True))
        for index, reason in output["unreadable"].items():
            if len(self.unreadable) < _MOST_REASONS:
                logger.warning("row %d cannot be read: %s", index + 1, reason)
            self.unreadable[index] = reason

    def _write(self, engine: Workflow) -> None:
        path, done = Path(self.folder) / TABLE_NAME, len(self._known)
        write_csv(path, self._rows(), errors="surrogateescape")
        logger.info("Predictions: %s (%d images)", path, done)
        warn_of_ignored_windows(self._windows_ignored, done)
        warn_of_contradictions(self._contradictions, done)
        if self.typical is not None and done:
            warn_of_unusual(self._percentiles, done, self.unusual_limit, len(self.typical.reference))

    def _sum_up(self, engine: Workflow) -> None:
        words = done_in_words(len(self._known), self.unreadable)
        if self.unreadable:
            words += f". The column 'reason' says why; the command therefore ends with exit code {DATA}."
        logger.log(logging.ERROR if self.unreadable else logging.INFO, "%s", words)

    def _rows(self) -> Iterator[list[Any]]:
        findings = self.kind == "multilabel"
        header = [f"probability_{name}" for name in self.classes]
        header += [f"decision_{name}" for name in self.classes] if findings else ["decision"]
        yield ["row", "image", "status", "reason", *header, "unusual_percentile", "note"]
        for index, item in enumerate(self.items):
            start = index + 1, item["name"]
            if index in self._known:
                probabilities, decisions = self._known[index]
                decided = decisions.astype(int).tolist() if findings else [self.classes[int(decisions.argmax())]]
                percentile = f"{self._percentiles[index]:.2f}" if index in self._percentiles else ""
                said = [_UNUSUAL] if self._percentiles.get(index, -1) >= self.unusual_limit else []
                said += [self._contradictions[index]] if index in self._contradictions else []
                cells = [*map(repr, probabilities.tolist()), *decided, percentile, "; ".join(said)]
                yield [*start, "ok", "", *cells]
            elif index in self.unreadable:
                yield [*start, "unreadable", self.unreadable[index], *[""] * (len(header) + 2)]
