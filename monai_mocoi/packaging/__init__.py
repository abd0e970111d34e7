"""What leaves the project: a package with its model card, and a bundle adapted to a data set."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
