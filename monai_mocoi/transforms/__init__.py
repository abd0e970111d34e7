"""Reading images and drawing random views of them: array transforms, and dict transforms ending in ``d``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
