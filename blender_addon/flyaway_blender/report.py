"""What became of each matte, where people and scripts can see it.

States are of this session only and are not saved. `FLYAWAY_REPORT` names a file that gets one JSON object a
line.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import bpy


@dataclass(frozen=True)
class Record:
    """What became of one matte of one frame."""

    scene: str
    node: str
    frame: int
    status: str  # "matted", "cached" or "failed"
    message: str = ""
    tap_s: float = 0.0
    matte_s: float = 0.0
    write_s: float = 0.0


@dataclass
class State:
    """What a node shows."""

    kind: str = "idle"  # idle, analysing, matted, cached, failed
    text: str = ""
    progress: float = 0.0


_states: dict[str, State] = {}
on_change: list[Callable[[], None]] = []  # called when a node's state changes
records: list[Record] = []  # of the render or analysis that ran last


def state(uid: str) -> State:
    """What the node whose tree has this id shows."""
    return _states.setdefault(uid, State())


def set_state(uid: str, kind: str, text: str = "", progress: float = 0.0) -> None:
    """Change what a node shows."""
    _states[uid] = State(kind, text, progress)
    for told in on_change:
        told()
    redraw()


def forget() -> None:
    """Another file was opened."""
    _states.clear()
    records.clear()


def begin() -> None:
    """A render or an analysis begins."""
    records.clear()


def record(entry: Record) -> None:
    """Keep what became of a matte, and say it where it failed."""
    records.append(entry)
    if entry.status == "failed":
        print(f"Flyaway: frame {entry.frame}, {entry.node}: {entry.message}", file=sys.stderr, flush=True)
    path = os.environ.get("FLYAWAY_REPORT")
    if path:
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(entry)) + "\n")


def failures() -> list[Record]:
    """The mattes that failed in the render or analysis that ran last."""
    return [entry for entry in records if entry.status == "failed"]


def redraw() -> None:
    """Have the node editors drawn again."""
    manager = getattr(bpy.context, "window_manager", None)
    for window in manager.windows if manager else ():
        for area in window.screen.areas:
            if area.type == "NODE_EDITOR":
                area.tag_redraw()
