"""A hospital's export as a dataset folder without identities: ``python -m data_prep inhouse``."""
