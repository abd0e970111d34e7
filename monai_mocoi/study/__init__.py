"""A study: one comparison over data sets, methods, label fractions, draws and seeds, planned before anything runs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
