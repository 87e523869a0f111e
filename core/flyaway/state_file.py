"""A shot's state in a file, for jobs and hosts: `numpy.savez` of its arrays, and what is known of it as JSON.

What is read is not believed: no pickle, nothing that unfolds, nothing larger than a state can be.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import BadStateError
from flyaway.shots import ShotState

FORMAT = 4
_ABOUT = "about"
_MOST_BYTES = 256 << 20


def write_state(path: Path, state: ShotState, about: Mapping[str, Any]) -> None:
    """Write a state; `about` is what `read_about` returns, beside `format`."""
    arrays = state.as_arrays()
    arrays[_ABOUT] = np.frombuffer(json.dumps({"format": FORMAT, **about}).encode(), np.uint8)
    # numpy adds its own suffix to a name without it.
    with path.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type, unused-ignore]


def read_about(path: Path) -> dict[str, Any]:
    """What a file says of its state, without reading that.

    Raises
    ------
    BadStateError : the file holds no state of ours.
    OSError : it cannot be read.
    """
    return _about(_arrays(path, only=(_ABOUT,)), path)


def read_state(path: Path) -> tuple[dict[str, Any], ShotState]:
    """What a file says of its state, and the state itself; raises as `read_about` does."""
    arrays = _arrays(path)
    return _about(arrays, path), ShotState.from_arrays(arrays)


def _about(arrays: dict[str, NDArray[Any]], path: Path) -> dict[str, Any]:
    try:
        about = json.loads(bytes(arrays.pop(_ABOUT)))
    except (KeyError, ValueError, RecursionError) as error:
        raise BadStateError(f"{path} is no state ({error}): remove it") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise BadStateError(f"{path} is no state that this version reads: remove it")
    return about


def _arrays(path: Path, only: tuple[str, ...] = ()) -> dict[str, NDArray[Any]]:
    if path.stat().st_size > _MOST_BYTES:
        raise BadStateError(f"{path} is larger than a state can be: remove it")
    try:
        with zipfile.ZipFile(path) as held:
            if any(item.compress_type != zipfile.ZIP_STORED for item in held.infolist()):
                raise BadStateError(f"{path} was not written by flyaway: remove it")
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in only or stored.files}
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise BadStateError(f"{path} is no state ({error}): remove it") from error
