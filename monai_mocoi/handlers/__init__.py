"""Small ignite handlers with ``attach``: the run folder, the schedule, what TensorBoard shows, the encoder saved."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "encoder_saver": ["EncoderSaver"],
        "epoch_log": ["EpochLog"],
        "learning_rate": ["WarmupCosine", "warmup_cosine"],
        "run_folder": ["RunFolder", "RunFolderError", "check_run_folder"],
        "settings": ["SettingsText", "check_settings"],
        "summary_writer": ["LazySummaryWriter"],
        "throughput": ["Throughput"],
        "view_pairs": ["ViewPairs"],
    },
)
