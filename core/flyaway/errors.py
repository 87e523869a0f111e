"""Everything Flyaway raises on purpose.

One root, so that a host or a farm script can catch `FlyawayError` and know that the message was
written for a person: it says what is wrong and what to do about it.
"""

from __future__ import annotations

from pathlib import Path


class FlyawayError(Exception):
    """Root of every error that Flyaway raises on purpose."""


class BadPlateError(FlyawayError, ValueError):
    """An array handed in as a plate cannot be one (shape, dtype, size, encoding)."""


class BadStateError(FlyawayError, ValueError):
    """What is handed in, or was read from a file, as the state of a shot cannot be one."""


class FinishedError(FlyawayError, RuntimeError):
    """The matte of a frame under way is asked for a second time; it is given once."""


class ControlError(FlyawayError, ValueError):
    """A matte control, a garbage or core matte, or the choice of a person means nothing or does not fit."""


class WeightsError(FlyawayError):
    """Something is wrong with released weights or the manifest that lists them."""


class UnknownModelError(WeightsError, KeyError):
    """No model of that name is in the manifest."""

    # KeyError would show the message in quotes.
    __str__ = Exception.__str__


class CorruptWeightsError(WeightsError):
    """A weight file is missing, truncated, or not the one the manifest lists."""


class EngineError(FlyawayError):
    """No network can be run as asked."""


class NoEngineError(EngineError, ImportError):
    """The package that runs the networks is not installed."""


class ConflictingEnginesError(EngineError):
    """onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files."""


class DeviceUnavailableError(EngineError):
    """The device asked for is not there. Flyaway never falls back in silence."""


class FrameError(FlyawayError):
    """One frame failed. The others go on.

    Attributes
    ----------
    path : the file concerned, or None.
    frame : the frame number, or None for a single image.
    """

    def __init__(self, message: str, *, path: str | Path | None = None, frame: int | None = None):
        super().__init__(message)
        self.path = None if path is None else Path(path)
        self.frame = frame

    def __str__(self) -> str:
        where = []
        if self.frame is not None:
            where.append(f"frame {self.frame}")
        if self.path is not None:
            where.append(str(self.path))
        message = super().__str__()
        return f"{', '.join(where)}: {message}" if where else message


class ReadError(FrameError):
    """A plate could not be read, or not in full."""


class OtherKindError(ReadError):
    """A file of an earlier run is whole, and is something else than what is asked for."""


class WriteError(FrameError):
    """A matte could not be written, or not verified."""


class FrameMemoryError(FrameError, MemoryError):
    """There was not enough memory for a frame: a machine with more, or a smaller frame, can do it."""


class EncodingUnknownError(ReadError):
    """The colour encoding of a plate cannot be known from the file: it must be given."""


class PatternError(FlyawayError, ValueError):
    """A frame pattern, frame range or destination that matches nothing, means nothing, or does not pair."""


class UsageError(FlyawayError, ValueError):
    """Options that contradict each other, do not fit the file's format, or would overwrite what is there."""


class MissingPackageError(FlyawayError, ImportError):
    """A Python package that only this feature needs is not installed."""


class BlenderError(FlyawayError):
    """Blender cannot be started, or cannot render this file at all."""


class JobError(FlyawayError, ValueError):
    """A job, or the file that describes it, means nothing or cannot be carried out."""


class BusyError(FlyawayError):
    """Another run is at work on the same frames. It goes on; this one has changed nothing."""


class DatasetError(FlyawayError):
    """A folder to be evaluated does not have the layout it should have."""
