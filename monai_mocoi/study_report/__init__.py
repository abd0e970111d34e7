"""Report of a study: what was compared on whom, the numbers with their intervals, and a verdict in words."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
