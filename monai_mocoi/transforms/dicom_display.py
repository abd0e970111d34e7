"""Display values of DICOM: stored values through modality, VOI and palette to 0..1 (PS3.3, PS3.4 N.2).

They are computed for every value that a pixel can take, and the pixels then looked up: exact, and quicker. pydicom's
own functions (up to 3.0.2) hold a LUT's index in the type of its output, so that 12-bit pixels wrap around.
"""

import math

import numpy as np
from pydicom import Dataset
from pydicom.multival import MultiValue

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.dicom_fields import LookUpTable, look_up_table, module_of, number_of, stored_range, text_of
from monai_mocoi.transforms.image_errors import WINDOW_IGNORED

_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_PART = 2**14  # pixels


def shown(pixels: np.ndarray, photometric: str, ds: Dataset, frame: int, notes: set[str]) -> np.ndarray:
    """The picture as it is meant to be seen: (rows, columns, 1 or 3), float32, 0..1."""
    low, high = stored_range(ds)
    samples = 1 if photometric in (*_MONOCHROME, "PALETTE COLOR") else 3
    if pixels.shape[-1] != samples or (samples == 3 and photometric != "RGB"):
        raise ImageReadError(
            "the DICOM photometric interpretation (0028,0004) is not one of MONOCHROME1, MONOCHROME2, PALETTE COLOR, "
            "RGB and YBR, or does not fit the samples per pixel"
        )
    # A table of all values is small up to 16 bits; beyond, the values that occur are computed one by one.
    tabled = high - low < 2**16
    levels = np.arange(low, high + 1, dtype=np.float64) if tabled else pixels.astype(np.float64)
    if photometric in _MONOCHROME:
        shades = _grey(levels, low, high, ds, frame, notes)
        shades = 1 - shades if photometric == "MONOCHROME1" else shades
    elif photometric == "PALETTE COLOR":
        shades = _palette(levels, ds)
    elif low < 0:
        raise ImageReadError("the DICOM file holds signed colour values, which DICOM does not define")
    else:
        shades = levels / high
    shades = shades.astype(np.float32)
    picture = _looked_up(shades, pixels, low) if tabled else shades
    return picture.reshape(*pixels.shape[:2], -1)


def _looked_up(shades: np.ndarray, pixels: np.ndarray, low: int) -> np.ndarray:
    """The shade of each pixel, float32; ``low`` is the value of the first."""
    values = pixels.reshape(-1)
    picture = np.empty((len(values), *shades.shape[1:]), np.float32)
    # NumPy needs indices of 8 bytes: of a part at a time they stay in the processor's cache.
    for start in range(0, len(values), _PART):
        index = values[start : start + _PART].astype(np.intp)
        index -= low
        np.take(shades, index, axis=0, out=picture[start : start + _PART], mode="clip")
    return picture


def _grey(levels: np.ndarray, low: float, high: float, ds: Dataset, frame: int, notes: set[str]) -> np.ndarray:
    """Stored values through modality and VOI transform to 0..1, before MONOCHROME1 is turned round; float64."""
    modality = module_of(ds, frame, "PixelValueTransformationSequence")
    lut = _first_lut(ds, "ModalityLUTSequence", ds, high, notes)
    if lut is not None:
        values, low, high = lut(levels), 0, 2**lut.bits - 1
    else:
        slope, intercept = number_of(modality, "RescaleSlope"), number_of(modality, "RescaleIntercept")
        if slope == 0:
            raise ImageReadError(
                "DICOM Rescale Slope (0028,1053) is 0, which makes all values alike; correct the header"
            )
        slope, intercept = slope or 1.0, intercept or 0.0
        values = levels * slope + intercept
        low, high = sorted((low * slope + intercept, high * slope + intercept))
        # Beyond what float64 holds all pixels would come out alike: a picture without a word of what went wrong.
        if not 0 < high - low < math.inf:
            raise ImageReadError(
                "DICOM Rescale Slope and Intercept (0028,1053; 0028,1052) give values whose range is too wide, or too "
                "narrow for their size, to be computed with; correct the header"
            )

    voi = module_of(ds, frame, "FrameVOILUTSequence")
    lut = _first_lut(voi, "VOILUTSequence", ds, high, notes)
    if lut is not None:
        return np.asarray(lut(values) / (2**lut.bits - 1))
    window = _usable_window(voi, notes)
    return (values - low) / (high - low) if window is None else _window(values, *window)


def _first_lut(module: Dataset, sequence: str, ds: Dataset, high: float, notes: set[str]) -> LookUpTable | None:
    """The first LUT of a sequence; None where there is none, or none whose descriptor tells how to read it."""
    if not module.get(sequence):
        return None
    item = module[sequence][0]
    descriptor = item.get("LUTDescriptor")
    if not isinstance(descriptor, MultiValue | list) or len(descriptor) != 3:
        notes.add(WINDOW_IGNORED)
        return None
    return look_up_table(item, "LUT", ds, high)


def _usable_window(voi: Dataset, notes: set[str]) -> tuple[float, float, str] | None:
    """Centre, width and function of the first window; None where there is none, or none that can be used."""
    if voi.get("WindowCenter") in (None, "") and voi.get("WindowWidth") in (None, ""):
        return None
    try:
        center, width = number_of(voi, "WindowCenter"), number_of(voi, "WindowWidth")
    except ImageReadError:
        center = width = None
    function = (text_of(voi, "VOILUTFunction") or "LINEAR").upper()
    least = {"LINEAR": 1.0, "LINEAR_EXACT": math.ulp(0.0), "SIGMOID": math.ulp(0.0)}.get(function, math.inf)
    if center is None or width is None or width < least:
        notes.add(WINDOW_IGNORED)
        return None
    return center, width, function


def _window(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """A window, for an output range of 0..1 (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    if function == "SIGMOID":
        # Clipped where exp would overflow; the result is 0 there in any case.
        return 1 / (1 + np.exp(np.minimum(-4 * (values - center) / width, 700)))
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width == 0:
        return (values > center).astype(np.float64)
    return np.clip((values - center) / width + 0.5, 0, 1)


def _palette(levels: np.ndarray, ds: Dataset) -> np.ndarray:
    """Stored values to (..., 3) colours in 0..1."""
    colours = []
    for colour in ("Red", "Green", "Blue"):
        lut = look_up_table(ds, f"{colour}PaletteColorLookupTable", ds, float(levels.max()))
        colours.append(lut(levels) / (2**lut.bits - 1))
    return np.stack(colours, axis=-1)
