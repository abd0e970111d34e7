"""The command line ``mocoi``: everything is checked before torch is imported, then MONAI's own ``run`` is called."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
