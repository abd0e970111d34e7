"""What leaves the project: a bundle made for a data set, a package with its model card, the folder of an analysis."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
