"""Small ignite handlers with ``attach``: the run folder, the schedule, what TensorBoard shows, the encoder saved."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "analysis_folder": ["check_analysis_folder"],
        "batch_statistics": ["AverageBatchStatistics"],
        "best_classifier": ["BestClassifier"],
        "checkpoint_files": ["CheckpointError", "DiskFullError", "newest_checkpoint", "read_checkpoint"],
        "checkpoints": ["Checkpoints"],
        "classifier_plots": ["ClassifierPlots"],
        "classifier_saver": ["ClassifierSaver", "chosen_thresholds"],
        "collapse_monitor": ["CollapseError", "CollapseMonitor"],
        "demo_warning": ["warn_of_demo_classifier"],
        "description": ["describe_training"],
        "encoder_saver": ["EncoderSaver"],
        "epoch_log": ["EpochLog"],
        "evaluation_folder": ["check_evaluation_folder"],
        "evaluation_saver": ["EvaluationSaver"],
        "finite_weights": ["WeightsNotFiniteError"],
        "grad_cam_overlays": ["GradCAMOverlays", "overlay"],
        "inference_folder": ["check_inference_folder"],
        "inference_table": ["InferenceTable"],
        "learning_rate": ["WarmupCosine", "warmup_cosine"],
        "preemption": ["Preemption"],
        "run_folder": ["RunFolder", "check_run_folder"],
        "run_folder_error": ["RunFolderError"],
        "setting_ranges": ["SettingsError"],
        "settings": ["SettingsText", "check_settings"],
        "shared_handler": ["shared"],
        "summary_writer": ["LazySummaryWriter"],
        "timed_validation": ["TimedValidation"],
        "view_pairs": ["ViewPairs"],
    },
)
