"""GDCM in a process of its own.

Of the decoders of JPEG Lossless that pydicom can use, GDCM is the one with a permissive licence. Some damaged files
make it end the whole process (a C++ exception that nobody catches). So it works in a child process, started when first
needed and kept: a damaged file costs an error, not the training run.
"""

from __future__ import annotations

import atexit
import os
import pickle
import struct
import subprocess
import sys
import threading
from typing import Any, BinaryIO

import numpy as np

_LENGTH = struct.Struct("<Q")
_SECONDS = 120
_NO_MEMORY = 12  # exit code of a child that had too little memory


class GdcmProcess:
    """A child process that decodes frames with GDCM, one at a time; safe with threads and after a fork.

    Args:
        seconds: how long one frame may take before the child is ended.
    """

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def decode(self, syntax: str, data: bytes, index: int, options: dict[str, Any]) -> tuple[np.ndarray, str]:
        """Decode one frame.

        Args:
            syntax: transfer syntax UID.
            data: the encapsulated pixel data.
            index: of the frame, from 0.
            options: the image pixel module, as :meth:`pydicom.pixels.decoders.base.Decoder.as_array` takes it.

        Returns:
            the pixels, and their photometric interpretation.

        Raises:
            RuntimeError: GDCM could not decode them, ended its process, or took too long.
            MemoryError: the child had too little memory, which says nothing about the file.
        """
        with self._lock:
            if self._child is None or self._child.poll() is not None:
                self._child = _start()
            child = self._child
            watchdog = threading.Timer(self._seconds, child.kill)
            watchdog.start()
            try:
                _send(child.stdin, (syntax, data, index, options))
                answer = _receive(child.stdout)
            except BaseException as error:
                # Whatever stands in the pipes belongs to this frame: the next one must not get it.
                code = self._end()
                if code == _NO_MEMORY:
                    raise MemoryError("there is too little memory to decode the pixel data") from None
                if isinstance(error, OSError | EOFError):
                    raise RuntimeError("GDCM ended its process") from None
                raise
            finally:
                watchdog.cancel()
        if answer is None:
            raise RuntimeError("GDCM could not decode the pixel data")
        return answer

    def close(self) -> None:
        """End the child process, if there is one; the next frame starts another."""
        with self._lock:
            self._end()

    def _end(self) -> int | None:
        """End the child; return its exit code, which is its own if it had ended before."""
        child, self._child = self._child, None
        if child is None:
            return None
        child.kill()
        child.communicate()
        return child.returncode

    def _forget(self) -> None:
        # The pipes belong to the parent: two processes writing into them would get each other's pixels.
        self._lock = threading.Lock()
        self._child = None


def _start() -> subprocess.Popen[bytes]:
    code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
    # GDCM writes its complaints to standard error; the reader's error replaces them.
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def serve() -> None:
    """Be the child process: answer requests from standard input until it is closed."""
    try:
        _answer_requests()
    except MemoryError:
        os._exit(_NO_MEMORY)  # wherever it was: the next child begins with all the memory that there is


def _answer_requests() -> None:
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    requests = sys.stdin.buffer
    # What GDCM prints must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while True:
        try:
            syntax, data, index, options = _receive(requests)
        except EOFError:
            return
        try:
            pixels, info = get_decoder(UID(syntax)).as_array(data, index=index, decoding_plugin="gdcm", **options)
            answer = np.ascontiguousarray(pixels), str(info["photometric_interpretation"])
        except MemoryError:
            raise
        except Exception:
            answer = None
        _send(answers, answer)


def _send(stream: BinaryIO | Any, message: object) -> None:
    packed = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(packed)))
    stream.write(packed)
    stream.flush()


def _receive(stream: BinaryIO | Any) -> Any:
    length = stream.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        raise EOFError
    (size,) = _LENGTH.unpack(length)
    packed = stream.read(size)
    if len(packed) < size:
        raise EOFError
    return pickle.loads(packed)
