"""What a classifier's sidecar says, for tests of its evaluation."""

from __future__ import annotations

CLASSIFIER = {
    "kind": "multilabel",
    "labels": ["A", "B"],
    "stage": 4,
    "trainable": "all",
    "thresholds": {"A": 0.5, "B": 0.6},
    "selected": {"rule": "metric", "epoch": 7, "metric": "validation macro_auc", "value": 0.8125},
    "label_fraction": 0.1,
    "validation_labels": "same",
    "dataset_sha256": "of training",
    "settings": {"output_dir": "somewhere"},
}


FEW = {"resamples": 99, "min_positives": 5, "min_negatives": 5}
