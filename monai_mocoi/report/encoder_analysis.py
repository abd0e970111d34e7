"""Analysis of an encoder: what fine-tuning keeps of it, what its stages know, and what they vary by."""

import logging
import os
from pathlib import Path
from typing import Any, ClassVar

from monai_mocoi.analysis import matched
from monai_mocoi.data import labelled_part
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.files.folder_swap import replaced
from monai_mocoi.handlers.summary_writer import LazySummaryWriter
from monai_mocoi.report.analysed_network import read_networks
from monai_mocoi.report.analysis_pictures import AnalysisPictures
from monai_mocoi.report.analysis_request import PARTS as PARTS
from monai_mocoi.report.analysis_request import AnalysisRequest
from monai_mocoi.report.feature_parts import feature_parts
from monai_mocoi.report.probing_part import label_draws
from monai_mocoi.report.tested_classifier import TestedClassifier, output_distance, read_tested
from monai_mocoi.runs.product_folders import check_analysis_folder
from monai_mocoi.runs.product_names import ANALYSIS_NAME, TENSORBOARD
from monai_mocoi.runs.provenance import made_by
from monai_mocoi.runs.settings import plain

logger = logging.getLogger(__name__)


class EncoderAnalysis(AnalysisRequest):
    """What ``analyze.json`` does, in one process; arguments as of :class:`AnalysisRequest`.

    The folder is written whole: ``feature_reuse.csv``, ``probing/``, ``output_distance.csv``, ``figures/``,
    ``tensorboard/``, and last ``analysis.json``. Except for the predictions in ``probing/`` no file names an image or a
    patient: images are rows of the split, from 0.
    """

    writes: ClassVar[dict[str, str]] = {
        "{folder}/analysis.json": "all numbers of the analysis",
        "{folder}/feature_reuse.csv": "what fine-tuning left as it was; where there is a fine-tuned run",
        "{folder}/probing/": "what each stage tells of the labels; where there are labels",
        "{folder}/output_distance.csv": "how far few labels are from all; where both runs are tested",
        "{folder}/figures/": "the same drawn, as PNG and SVG",
        "{folder}/tensorboard/": "the same for TensorBoard, with its projector",
    }

    def check(self) -> None:
        """Refuse what cannot be done before anything is computed, and read all weights and predictions.

        Raises:
            MocoiError: the folder is not free, a part is unknown or lacks what it needs, there are no images in the
                split, or weights and predictions are not there or do not fit.
        """
        check_analysis_folder(self.folder, self.overwrite)
        datalist, split = self.datalist, self.split
        self.items = datalist.splits()[split]
        if len(self.items) < 2:
            raise DatasetError(f"the {split} split has {len(self.items)} image(s), but 2 are needed: choose another.")
        given = [self.finetuned] if isinstance(self.finetuned, str | os.PathLike) else self.finetuned or ()
        places = [place for place in given if str(place) != "none"]
        self.made = self.chosen_parts(bool(places), bool(self.few_labels and self.all_labels))
        self.tested: dict[str, TestedClassifier] = {}
        if "ks" in self.made:
            for name in ("few_labels", "all_labels", "all_labels_again"):
                if (place := getattr(self, name)) is not None:
                    self.tested[name] = read_tested(place, datalist, split, name)
            for other in list(self.tested)[1:]:
                matched(self.tested["few_labels"].predictions, self.tested[other].predictions)
        if "probing" in self.made:
            self.probed = labelled_part(datalist)
            self.draws = label_draws(self, self.probed)
            self.made = [part for part in self.made if part != "probing" or self.draws]
        self.networks = None
        if set(self.made) - {"ks"}:
            self.networks = read_networks(self, places if {"reuse", "embedding"} & set(self.made) else [])

    def run(self) -> dict[str, Any]:
        """Do it, after :meth:`check`; returns what ``analysis.json`` holds."""
        check_analysis_folder(self.folder, self.overwrite)
        of_data = {"dataset": self.datalist.name, "dataset_sha256": self.datalist.sha256, "split": self.split}
        result: dict[str, Any] = {"format": 1, **of_data, "parts": self.made, "left_out": self.left_out}
        with replaced(Path(self.folder)) as folder:
            writer = LazySummaryWriter(folder / TENSORBOARD)
            try:
                pictures = AnalysisPictures(folder, writer)
                if self.networks is not None:
                    result |= feature_parts(self, *self.networks, folder, pictures)
                if "ks" in self.made:
                    result["output_distance"] = output_distance(self, self.tested, folder, pictures)
            finally:
                writer.close()
            result |= {"notes": self.notes, "settings": plain(self.settings or {}), **made_by()}
            write_json(folder / ANALYSIS_NAME, result)
        logger.info("Analysis: %s (figures, tables, and all numbers in %s)", self.folder, ANALYSIS_NAME)
        return result
