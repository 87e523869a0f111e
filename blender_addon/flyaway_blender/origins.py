"""The list beside mattes on disk, `index.json`: for each frame, what its matte was made from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

INDEX = "index.json"
_MAX_INDEX_BYTES = 64 << 20


@dataclass
class Index:
    """What a folder holds: frame → (signature, bytes), and the frames whose mattes are empty on purpose."""

    frames: dict[int, tuple[str, int]] = field(default_factory=dict)
    empty: set[int] = field(default_factory=set)
    where: dict[int, tuple[str, float, float]] = field(default_factory=dict)  # frame → whom, and x, y of them
    finished: dict[int, str] = field(default_factory=dict)  # frame → raw and controls that it was made with
    unseen: dict[int, str] = field(default_factory=dict)  # frame that failed in a shot → what it was made of
    owner: str = ""  # the .blend that writes here, seen from the folder


_indices: dict[Path, tuple[int, Index]] = {}


def load(place: Path) -> Index:
    """The list of a folder; an empty one where it is missing or cannot be read."""
    path = place / INDEX
    try:
        stat = path.stat()
        if place in _indices and _indices[place][0] == stat.st_mtime_ns:
            return _indices[place][1]
        if stat.st_size > _MAX_INDEX_BYTES:
            return Index()
        data = json.loads(path.read_text("utf-8"))
        frames = {int(key): (str(value[0]), int(value[1])) for key, value in data["frames"].items()}
        where = {
            int(key): (str(value[0]), float(value[1]), float(value[2]))
            for key, value in data.get("where", {}).items()
        }
        finished = {int(key): str(value) for key, value in data.get("finished", {}).items()}
        empty = {int(frame) for frame in data["empty"]}
        unseen = {int(key): str(value) for key, value in data.get("unseen", {}).items()}
        index = Index(frames, empty, where, finished, unseen, str(data.get("owner", "")))
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return Index()
    _indices[place] = (stat.st_mtime_ns, index)
    return index


def save(place: Path, index: Index) -> None:
    """Write the list of a folder, whole or not at all."""
    path = place / INDEX
    part = place / f".{INDEX}.part"
    data = {"version": 1, "frames": {str(k): list(v) for k, v in sorted(index.frames.items())}}
    data |= {"empty": sorted(index.empty), "owner": index.owner}
    data |= {"where": {str(k): list(v) for k, v in sorted(index.where.items())}}
    data |= {"finished": {str(k): v for k, v in sorted(index.finished.items())}}
    data |= {"unseen": {str(k): v for k, v in sorted(index.unseen.items())}}
    part.write_text(json.dumps(data, indent=0), "utf-8")
    part.replace(path)
    _indices[place] = (path.stat().st_mtime_ns, index)


def forget(place: Path) -> None:
    """A folder's list is gone: do not answer from memory."""
    _indices.pop(place, None)
