"""What an encoder has learnt, measured on features that are computed once: linear evaluation and its parts."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "comparison": ["ComparisonError", "compare_predictions"],
        "comparison_notes": ["notes_for_the_reader"],
        "describe": ["describe_settings"],
        "evaluation": [
            *("OVERALL", "EvaluationError", "IntervalSettings", "evaluate_predictions", "few_patients_in_words"),
        ],
        "external": ["external_report", "external_warnings", "external_words"],
        "input_shift": ["summarise_inputs"],
        "linear_evaluation": ["PENALTIES", "GridPoint", "LinearEvaluation", "LinearFit"],
        "logistic_regression": ["LogisticFit", "fit_logistic", "predict_probabilities"],
        "stage_features": ["FeatureError", "pooled_features"],
        "typical_features": ["TYPICAL_NAME", "TypicalFeatures", "read_typical_features"],
    },
)
