"""Files and folders of this machine: whole-or-absent writing, locks, caches, tables and the home folder."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
