"""What MONAI asks of a bundle's ``metadata.json``: its published schema, and more where ours always say more.

The fields, their types and what is required are those of MONAI's schema of 2024-07-25
(https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json), compared
field by field and written in our own words. Beyond it no required text may be empty, and ``image`` and ``pred`` must be
described as tensors.
"""

TENSOR = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "format": {"type": "string"},
        "num_channels": {"type": "integer"},
        "spatial_shape": {"type": "array", "items": {"type": ["string", "integer"]}},
        "dtype": {"type": "string"},
        "value_range": {"type": "array", "items": {"type": "number"}},
        "is_patch_data": {"type": "boolean"},
        "channel_def": {"type": "object"},
    },
    "required": ["type", "format", "num_channels", "spatial_shape", "dtype", "value_range"],
}
VALUE = {"anyOf": [{"type": ["number", "string", "boolean"]}, TENSOR]}
VALUES = {"type": "object", "additionalProperties": VALUE}
NETWORK = {
    "type": "object",
    "properties": {"inputs": VALUES, "outputs": VALUES, "post_processed_outputs": VALUES},
    "required": ["inputs", "outputs"],
}
TEXTS = (
    *("schema", "version", "monai_version", "pytorch_version", "numpy_version"),
    *("task", "description", "authors", "copyright"),
)
OTHER_TEXTS = ("data_source", "data_type", "image_classes", "label_classes", "pred_classes", "intended_use")
TABLES = ("required_packages_version", "changelog", "eval_metrics", "supported_apps")
SCHEMA = {
    "type": "object",
    "properties": {
        **{name: {"type": "string", "minLength": 1} for name in TEXTS},
        **{name: {"type": "string"} for name in OTHER_TEXTS},
        **{name: {"type": "object"} for name in TABLES},
        "references": {"type": "array", "items": {"type": "string"}},
        "network_data_format": {
            "properties": {
                "inputs": {"properties": {"image": TENSOR}, "required": ["image"]},
                "outputs": {"properties": {"pred": TENSOR}, "required": ["pred"]},
            }
        },
    },
    "patternProperties": {"^[_a-zA-Z0-9]+_data_format$": NETWORK},
    "required": [*TEXTS, "required_packages_version", "network_data_format"],
}
