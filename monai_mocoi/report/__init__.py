"""Report: the analysis of an encoder, with its tables, figures and files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
