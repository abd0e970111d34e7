"""Small ignite handlers with ``attach``: the run folder, the schedule, what TensorBoard shows, the encoder saved."""

import lazy_loader

from monai_mocoi.deprecated import with_moved_names

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = with_moved_names(__name__, __getattr__)
