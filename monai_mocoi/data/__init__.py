"""Dataset folders: reading their lists, auditing them for leaks, caching decoded images, and generating demo data."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {},
)
