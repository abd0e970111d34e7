"""Run folders: may a run use one, its settings, checkpoint files and manifest, and where each product goes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
