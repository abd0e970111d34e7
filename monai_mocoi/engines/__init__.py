"""Ignite engines: trainers and evaluators of pretraining and of classifiers, and how they pick their precision."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
