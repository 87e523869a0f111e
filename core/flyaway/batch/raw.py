"""Raw mattes: what the network found in a frame, kept so that a run with other controls need not run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flyaway.color import FloatImage
from flyaway.errors import PatternError, ReadError, WriteError
from flyaway.frames import library, metadata
from flyaway.frames.atomic import Disk, leads_nowhere
from flyaway.frames.fingerprint import verdict
from flyaway.frames.options import UNKNOWN, WriteOptions
from flyaway.frames.read import Plate
from flyaway.frames.sequence import is_pattern, sequence_of
from flyaway.frames.write import store_matte

if TYPE_CHECKING:
    from flyaway.batch.report import FrameTask

RAW_BYTES = 8  # a pixel of a raw matte: coverage and the unknown region, floats


@dataclass(frozen=True)
class Raw:
    """What the network found, over a plate's data window, H×W float32; `unknown` where it was asked for."""

    alpha: FloatImage = field(repr=False)
    unknown: FloatImage | None = field(default=None, repr=False)


def raw_path(text: str, task: FrameTask) -> Path:
    """Where the raw matte of a frame is kept; PatternError where `text` does not fit its plates."""
    if is_pattern(text):
        if task.frame is None:
            raise PatternError(f"--raw {text} is a pattern, but {task.source} has no frame number.")
        path = sequence_of(text).frame(task.frame)
    elif task.frame is not None:
        raise PatternError(f"--raw {text} is one file for a sequence; name a pattern such as raw.####.exr.")
    else:
        path = Path(text)
        path = path if path.suffix else path / f"{task.source.stem}.exr"
    if path.suffix.lower() != ".exr":
        raise PatternError(f"--raw {text}: raw mattes are EXRs.")
    return path


class RawMattes:
    """The raw mattes of a shot.

    Parameters
    ----------
    where : see `raw_path`; "" keeps none.
    disk : where they are written.
    """

    def __init__(self, where: str, disk: Disk) -> None:
        self._where, self._disk = where, disk

    def stored(
        self, task: FrameTask, plate: Plate, key: str, remembers: Callable[[str], bool] | None = None
    ) -> tuple[Raw, str] | None:
        """The raw matte from an earlier run, where it is there and was made of the same.

        Parameters
        ----------
        task, plate : the frame.
        key : what it would be made of now.
        remembers : for a shot: whether what a frame remembers, as it was named then, is what it would now.

        Returns
        -------
        The matte, and that name; "" for a still.
        """
        if not self._where:
            return None
        path = raw_path(self._where, task)
        if not path.is_file():
            return None
        try:
            source = library.open_input(path, task.frame)
            try:
                spec = source.spec()
                made_of, _, memory = metadata.read_provenance(spec).get("raw", "").partition(" ")
                if made_of != key or not (memory == "" if remembers is None else remembers(memory)):
                    return None
                values = library.decode(source, 0, spec.nchannels, path, task.frame)
                names = list(spec.channelnames)
            finally:
                source.close()
        except ReadError:
            return None
        if values.shape[:2] != plate.pixels.shape[:2] or not {"A", UNKNOWN} <= set(names):
            return None
        alpha, unknown = (np.ascontiguousarray(values[..., names.index(name)]) for name in ("A", UNKNOWN))
        return Raw(alpha, unknown), memory

    def keep(
        self,
        task: FrameTask,
        raw: Raw,
        plate: Plate,
        key: str,
        provenance: Mapping[str, str],
        *,
        replace_theirs: bool = False,
    ) -> None:
        """Write a raw matte where they are kept.

        Raises
        ------
        WriteError : what is there somebody else made or changed, and `replace_theirs` is False.
        """
        if not self._where:
            return
        options = WriteOptions(depth="float", unknown=True)
        path = raw_path(self._where, task)
        if not replace_theirs:
            _refuse_to_replace(path, task)
        store_matte(
            path,
            raw.alpha,
            replace(plate, notes=()),
            options,
            {**provenance, "raw": key},
            self._disk,
            unknown=raw.unknown,
        )


def _refuse_to_replace(path: Path, task: FrameTask) -> None:
    if leads_nowhere(path):
        raise WriteError(
            f"is a link to {path.readlink()}, which is not there, and is kept. Bring that back, or move"
            " the link away.",
            path=path,
            frame=task.frame,
        )
    if not path.is_file():
        return
    try:
        whose = verdict(path, task.frame)
    except ReadError:  # broken, so nobody's
        return
    if whose in ("altered", "foreign"):
        raise WriteError(
            "holds a raw matte that somebody made or changed, and is kept. Move it away, or replace it with"
            " --overwrite.",
            path=path,
            frame=task.frame,
        )
