"""Networks: the stage encoder, MoCo with its queue and heads, and encoder weights in and out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
