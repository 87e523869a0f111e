"""What a user or a studio sets once: where our command line is, and where bakes go.

`~/.nuke/flyaway.json`, or the file that FLYAWAY_NUKE_PREFERENCES names (a studio may point everyone at
one). An unknown key is left alone; a broken file is an error that names it, never a silent default.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import BakeError

_LARGEST = 64 * 1024
DEFAULTS: dict[str, str] = {"cli": "", "cache": "", "model": "", "device": "auto", "farm": "openjd"}


def preferences_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where preferences are kept."""
    path = environ.get("FLYAWAY_NUKE_PREFERENCES", "")
    return Path(path) if path else Path.home() / ".nuke" / "flyaway.json"


def read_preferences(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """All preferences, defaults where nothing was set.

    Raises
    ------
    BakeError : the file is there but cannot be understood.
    """
    path = preferences_path(environ)
    return {**DEFAULTS, **{key: str(value) for key, value in _load(path).items() if key in DEFAULTS}}


def write_preference(key: str, value: str, environ: Mapping[str, str] = os.environ) -> None:
    """Set one preference and keep the others, whatever they are."""
    if key not in DEFAULTS:
        raise BakeError(f"There is no preference {key!r}; there are {', '.join(DEFAULTS)}.")
    path = preferences_path(environ)
    content = {**_load(path), key: value}
    try:
        write_json(path, content)
    except OSError as error:
        raise BakeError(f"{path} cannot be written: {error.strerror or error}.") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small JSON file in one step: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=str(path.parent))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, sort_keys=True)
            file.write("\n")
        # mkstemp's files are private; a bake folder is shared with the farm and with colleagues. A network
        # share may have no mode bits, and then nobody is shut out.
        with contextlib.suppress(OSError):
            Path(part).chmod(0o644)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink()
        raise


def read_json(path: Path, largest: int = _LARGEST) -> dict[str, Any]:
    """A JSON object from a file of ours.

    Raises
    ------
    BakeError : it cannot be read, is larger than `largest` bytes, or holds something else.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(largest + 1)
        if len(raw) > largest:
            raise BakeError(f"{path} is larger than {largest // 1024} KiB: it is none of ours.")
        content = json.loads(raw.decode("utf-8"))
    except OSError as error:
        raise BakeError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise BakeError(f"{path} is damaged ({error}). Mend it, or delete it.") from error
    if not isinstance(content, dict):
        raise BakeError(f"{path} holds no JSON object. Mend it, or delete it.")
    return content


def _load(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}
