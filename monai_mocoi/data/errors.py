"""The errors of the data layer: one family, so that a command can show any of them as a plain sentence."""

from __future__ import annotations


class DatasetError(ValueError):
    """A dataset folder, its list, its images or its cache cannot be used; the text says why and what to do next."""
