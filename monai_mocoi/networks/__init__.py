"""Networks: the stage encoder, MoCo with its queue and heads, and encoder weights in and out."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "agreement": ["any_rank", "from_first_rank", "gather_objects", "mean_over_ranks"],
        "batch_statistics": ["average_batch_statistics"],
        "classifier": ["TRAINABLE", "Classifier"],
        "classifier_file": ["load_classifier", "read_classifier_sidecar"],
        "classifier_place": ["check_modality", "classifier_path"],
        "export": ["Export", "export_weights"],
        "exported_graph": ["export_graph"],
        "identified": ["is_identified"],
        "known_images": ["check_drawn_or_real", "of_encoder"],
        "moco": ["MoCo", "MoCoOutput", "unwrap_moco"],
        "negative_queue": ["NegativeQueue", "bounded_queue_size"],
        "pretrained": ["Pretrained", "check_preprocessing", "load_pretrained", "started_from"],
        "pretraining_record": ["final_relative_loss", "guessing_warning", "start_in_words"],
        "processes": ["data_parallel", "from_torchrun", "rank", "torchrun_device", "unwrap", "world_size"],
        "projection_head": ["ProjectionHead"],
        "resnet_shape": ["ResNetShape", "shape_of_resnet"],
        "stage_choice": ["STAGES", "STAGES_AND_ALL", "stage_in_words", "stage_of_width", "stages_of", "width_of"],
        "stage_encoder": ["StageEncoder", "StageFeatures"],
        "stage_heads": ["STAGE_KINDS", "BarlowProjector", "PooledMap", "PooledVector", "stage_pooling"],
        "start": ["join_processes", "leave_processes"],
        "torchvision_layout": ["TorchvisionLayout"],
        "weight_files": ["WeightFile", "read_sidecar", "read_weights", "sidecar_path"],
        "weights_error": ["WeightsError"],
        "weights": ["LoadReport", "encoder_state_dict", "load_encoder", "save_encoder", "weights_sha256"],
    },
)
