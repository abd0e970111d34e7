"""Networks: the stage encoder, MoCo with its queue and heads, and encoder weights in and out."""

import lazy_loader

from monai_mocoi.deprecated import with_moved_names

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = with_moved_names(__name__, __getattr__)
