"""Losses: functions of tensors without parameters, one file a loss. Heads with weights are in ``networks``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
