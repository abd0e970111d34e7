"""Metrics: pure functions of arrays or tensors, without input or output, one idea a file."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
