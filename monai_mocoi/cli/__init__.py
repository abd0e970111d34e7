"""The command line ``mocoi``: everything is checked before torch is imported, then MONAI's own ``run`` is called."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "app": ["main"],
        "config_files": ["ConfigFiles", "read_configs"],
        "errors": ["UsageError"],
        "evaluator": ["Evaluator", "Undecided"],
        "overrides": ["Checked", "check_command"],
        "plan": ["Plan", "make_plan"],
    },
)
