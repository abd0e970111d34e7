from __future__ import annotations

import numpy as np
import PIL

import monai_mocoi
from monai_mocoi.data import pixel_versions as versions


def test_versions_are_those_of_the_modules(monkeypatch):
    found = versions.decoder_versions()
    assert (found["numpy"], found["pillow"]) == (np.__version__, PIL.__version__)
    assert found["monai_mocoi"] == monai_mocoi.__version__
    monkeypatch.setattr(versions, "_DECODERS", ("numpy", "no-such-package"))
    assert "no-such-package" not in versions.decoder_versions()
