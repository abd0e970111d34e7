"""Processes of a distributed run: joining them, what they agree on, and the network that they share."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
