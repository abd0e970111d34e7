"""What an encoder has learnt, measured on features that are computed once: linear evaluation and its parts."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "comparison": ["ComparisonError", "compare_predictions"],
        "comparison_notes": ["notes_for_the_reader"],
        "decision_thresholds": ["chosen_thresholds"],
        "describe": ["describe_settings"],
        "evaluation": [
            *("OVERALL", "EvaluationError", "IntervalSettings", "evaluate_predictions", "few_patients_in_words"),
        ],
        "feature_reuse": ["FeatureReuseError", "choose_by_patient"],
        "layerwise_probing": ["PROBING_NAME", "probe_stages", "probing_draws"],
        "linear_evaluation": ["PENALTIES", "GridPoint", "LinearEvaluation", "LinearFit"],
        "logistic_regression": ["LogisticFit", "fit_logistic", "predict_probabilities"],
        "output_distance": ["compare_outputs"],
        "principal_components": ["PrincipalComponents", "how_well_told"],
        "probing_comparison": ["Probing", "compare_probings", "find_probing", "read_probing"],
        "stage_features": ["MOST_MAP_IMAGES", "FeatureError", "features_of", "pooled_features", "pooled_maps"],
        "subgroups": ["SUBGROUP_MEASURES", "evaluate_subgroups", "gaps_of"],
    },
)
