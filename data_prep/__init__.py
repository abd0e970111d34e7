"""Commands that turn raw image collections into a dataset folder: ``python -m data_prep --help``."""
