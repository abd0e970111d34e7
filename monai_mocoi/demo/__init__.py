"""Demo data: drawn images for demonstrations and tests, never medical data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
