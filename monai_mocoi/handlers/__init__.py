"""Small ignite handlers with ``attach``: the run folder, the schedule, what TensorBoard shows, the encoder saved."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
