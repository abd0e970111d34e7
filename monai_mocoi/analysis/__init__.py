"""What an encoder has learnt, measured on features that are computed once: linear evaluation and its parts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
