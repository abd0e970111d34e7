"""What an encoder has learnt, measured on features that are computed once: linear evaluation and its parts."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "baselines": ["CHOSEN_BY", "Baseline", "shortcut_baselines"],
        "comparison": ["ComparisonError", "compare_predictions"],
        "comparison_notes": ["notes_for_the_reader"],
        "decision_thresholds": ["chosen_thresholds"],
        "describe": ["describe_settings"],
        "evaluation": [
            *("OVERALL", "EvaluationError", "IntervalSettings", "evaluate_predictions", "few_patients_in_words"),
        ],
        "layerwise_probing": ["probe_stages", "probing_draws"],
        "linear_evaluation": ["PENALTIES", "GridPoint", "LinearEvaluation", "LinearFit"],
        "logistic_regression": ["LogisticFit", "fit_logistic", "predict_probabilities"],
        "probing_comparison": ["Probing", "compare_probings", "read_probing"],
        "probing_place": ["PROBING_NAME", "find_probing"],
        "stage_features": ["FeatureError", "features_of", "pooled_features"],
        "subgroup_words": ["subgroup_warnings", "subgroups_in_words"],
        "subgroups": ["SUBGROUP_MEASURES", "evaluate_subgroups", "gaps_of"],
    },
)
