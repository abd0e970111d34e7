"""The command line ``mocoi``: keys and values are checked before torch is imported, then MONAI runs the config."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
