"""What an encoder has learnt, measured on features that are computed once: linear evaluation and its parts."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "baselines": ["CHOSEN_BY", "Baseline", "shortcut_baselines"],
        "calibration": ["describe_calibration"],
        "comparison": ["ComparisonError", "compare_predictions"],
        "comparison_notes": ["notes_for_the_reader"],
        "decision_curve": ["check_decision_thresholds", "describe_decision_curve"],
        "decision_thresholds": ["chosen_thresholds"],
        "describe": ["describe_settings"],
        "evaluation": [
            *("OVERALL", "EvaluationError", "IntervalSettings", "evaluate_predictions", "few_patients_in_words"),
            "unknown_in_report",
        ],
        "external": ["external_report", "external_warnings", "external_words"],
        "feature_reuse": ["FeatureReuseError", "choose_by_patient"],
        "full_evaluation": ["evaluate_fully"],
        "input_shift": ["summarise_inputs"],
        "layerwise_probing": ["probe_stages", "probing_draws"],
        "linear_evaluation": ["PENALTIES", "GridPoint", "LinearEvaluation", "LinearFit"],
        "logistic_regression": ["LogisticFit", "fit_logistic", "predict_probabilities"],
        "operating_points": ["check_targets", "choose_operating_points", "describe_operating_points", "wanted_points"],
        "output_distance": ["compare_outputs"],
        "principal_components": ["PrincipalComponents", "how_well_told"],
        "probing_comparison": ["Probing", "compare_probings", "read_probing"],
        "probing_place": ["PROBING_NAME", "find_probing"],
        "recalibration": ["fit_recalibration", "is_fitted", "recalibrated", "why_not_fitted"],
        "stage_features": ["MOST_MAP_IMAGES", "FeatureError", "features_of", "pooled_features", "pooled_maps"],
        "subgroup_words": ["subgroup_warnings", "subgroups_in_words"],
        "subgroups": ["SUBGROUP_MEASURES", "evaluate_subgroups", "gaps_of"],
        "typical_features": ["TYPICAL_NAME", "TypicalFeatures", "read_typical_features"],
    },
)
