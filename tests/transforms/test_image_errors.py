from __future__ import annotations

import logging
import pickle
import threading
import warnings

import numpy as np
import pytest

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.image_errors import MAX_PIXELS, check_size, guarded, is_constant, silenced


def test_sizes():
    check_size(1, 1)
    check_size(MAX_PIXELS, 1)
    for rows, columns in ((0, 5), (5, 0), (MAX_PIXELS + 1, 1)):
        with pytest.raises(ImageReadError, match=f"{rows}"):
            check_size(rows, columns)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 3), (3, 64, 65), (1, 130, 200)])
def test_one_other_pixel_anywhere_is_enough(shape):
    image = np.zeros(shape, dtype=np.float32) + np.arange(shape[0], dtype=np.float32)[:, None, None]
    assert is_constant(image)
    for place in {0, 1, shape[2] + 1, image[0].size // 2, image[0].size - 1} & set(range(1, image[0].size)):
        other = image.copy()
        other[-1].flat[place] = 7
        assert not is_constant(other)


def test_silence_for_all_of_a_reading_outlasts_its_parts(recwarn):
    with silenced():
        with guarded(""):
            pass
        warnings.warn("quiet", stacklevel=1)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="loud"):
        warnings.warn("loud", stacklevel=1)


def test_any_exception_becomes_an_image_read_error_without_its_text():
    for error in (KeyError("Mueller"), OSError("Mueller"), RecursionError("Mueller")):
        with pytest.raises(ImageReadError) as caught, guarded("it is broken"):
            raise error
        assert str(caught.value) == f"it is broken ({type(error).__name__})"
        assert caught.value.__suppress_context__
    with pytest.raises(ImageReadError, match=r"^its own text$"), guarded("it is broken"):
        raise ImageReadError("its own text")
    with pytest.raises(KeyboardInterrupt), guarded("it is broken"):
        raise KeyboardInterrupt


def test_a_lack_of_memory_is_not_blamed_on_the_file():
    with pytest.raises(MemoryError), guarded("it is broken"):
        raise MemoryError


def test_it_goes_through_worker_processes():
    error = pickle.loads(pickle.dumps(ImageReadError("text")))
    assert isinstance(error, ImageReadError)
    assert str(error) == "text"


def test_warnings_and_logs_are_silent_inside_and_as_before_outside(caplog, recwarn):
    logger = logging.getLogger("pydicom")
    before = logger.level, list(warnings.filters)
    with guarded(""):
        warnings.warn("Mueller", stacklevel=1)
        logger.error("Mueller")
        with guarded(""):
            pass
        warnings.warn("Mueller", stacklevel=1)
    assert not recwarn.list
    assert not caplog.records
    assert (logger.level, list(warnings.filters)) == before
    logger.error("outside")
    assert caplog.messages == ["outside"]


def test_silence_lasts_until_the_last_of_overlapping_threads_leaves(recwarn):
    entered, leave = threading.Event(), threading.Event()

    def other():
        with guarded(""):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with guarded(""):
        thread.start()
        assert entered.wait(10)
    warnings.warn("quiet, since the other is still inside", stacklevel=1)
    assert not recwarn.list
    leave.set()
    thread.join()
    with pytest.warns(UserWarning, match="loud again"):
        warnings.warn("loud again", stacklevel=1)
