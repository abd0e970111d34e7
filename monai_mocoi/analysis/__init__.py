"""What an encoder has learnt, measured on features that are computed once: linear evaluation and its parts."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "baselines": ["CHOSEN_BY", "Baseline", "shortcut_baselines"],
        "comparison": ["ComparisonError", "compare_predictions"],
        "comparison_notes": ["notes_for_the_reader"],
        "describe": ["describe_settings"],
        "evaluation": [
            *("OVERALL", "EvaluationError", "IntervalSettings", "evaluate_predictions", "few_patients_in_words"),
        ],
        "linear_evaluation": ["PENALTIES", "GridPoint", "LinearEvaluation", "LinearFit"],
        "logistic_regression": ["LogisticFit", "fit_logistic", "predict_probabilities"],
        "subgroup_words": ["subgroup_warnings", "subgroups_in_words"],
        "subgroups": ["SUBGROUP_MEASURES", "evaluate_subgroups", "gaps_of"],
        "stage_features": ["FeatureError", "pooled_features"],
    },
)
