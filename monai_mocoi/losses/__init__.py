"""Losses: functions of tensors without parameters, one file a loss. Heads with weights live in ``networks``."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "barlow_twins": ["BarlowTwinsLoss"],
        "classification": ["LABEL_KINDS", "KnownValuesLoss", "class_probabilities", "classification_loss"],
        "global_batch": ["global_sum", "standardize"],
        "info_nce": ["InfoNCELoss"],
        "stage_mse": ["StageMSELoss"],
    },
)
