"""MoCo with intermediate-layer losses for medical images, as MONAI bundles.

Imports run downward only, in the order that ``pyproject.toml`` gives to import-linter. Importing this package alone
imports neither torch nor MONAI.
"""

import lazy_loader

__version__ = "0.1.0.dev0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
