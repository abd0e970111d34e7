"""Ignite engines: trainers and evaluators of pretraining and of classifiers, and how they pick their precision."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "classifier_evaluator": ["ClassifierEvaluator"],
        "classifier_inference": ["ClassifierInference"],
        "classifier_trainer": ["ClassifierTrainer"],
        "gradient_trainer": ["GradientTrainer"],
        "linear_trainer": ["LinearTrainer"],
        "moco_evaluator": ["MoCoEvaluator"],
        "moco_trainer": ["MoCoTrainer"],
        "not_finite": ["NotFiniteError"],
        "phase_clock": ["PHASES", "EpochTime", "PhaseClock"],
        "precision": ["PRECISIONS", "autocast_dtype"],
    },
)
