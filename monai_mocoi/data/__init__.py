"""Dataset folders: reading their lists, auditing them for leaks, caching decoded images, and generating demo data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
