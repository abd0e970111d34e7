"""Ignite engines: the pretraining trainer, its evaluator, and how both pick their precision."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "moco_evaluator": ["MoCoEvaluator"],
        "moco_trainer": ["MoCoTrainer"],
        "not_finite": ["NotFiniteError"],
        "precision": ["PRECISIONS", "autocast_dtype"],
    },
)
