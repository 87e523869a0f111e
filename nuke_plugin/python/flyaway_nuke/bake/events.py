"""What our command line says while it works (`--progress ndjson`), line by line, as events.

The one place that knows the words; what is none of them is kept for the log.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

# A line longer than this is none of ours; it is logged cut, never parsed.
_LONGEST = 64 * 1024


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes
    ----------
    kind : "start", "frame" (one is over), "end", or "log" (words only).
    frame : its number; None for a still.
    status : of a frame: "written", "skipped" or "failed".
    seconds : for this frame, all stages together.
    text : why a frame failed, or was done again; the line for people otherwise.
    notes : what a user should know about a frame.
    """

    kind: str
    frame: int | None = None
    status: str = ""
    seconds: float = 0.0
    text: str = ""
    notes: tuple[str, ...] = ()


def read_line(line: str) -> Event:
    """The event of one line; a line that is none is a "log"."""
    line = line.rstrip("\r\n")
    if len(line) > _LONGEST:
        return Event("log", text=f"{line[:200]}… ({len(line)} characters)")
    if line.startswith("{"):
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            return Event("log", text=line)
        if isinstance(said, dict):
            return _event(said, line)
    return Event("log", text=line)


def _event(said: dict[str, Any], line: str) -> Event:
    kind = said.get("event")
    if kind == "frame" and said.get("status") in ("written", "skipped", "failed"):
        frame, notes = said.get("frame"), said.get("notes")
        return Event(
            "frame",
            frame=frame if isinstance(frame, int) else None,
            status=said["status"],
            seconds=_sum(said.get("seconds")),
            text=str(said.get("error") or said.get("why") or ""),
            notes=tuple(str(note) for note in notes) if isinstance(notes, list) else (),
        )
    if kind == "start":
        return Event("start", text=f"{said.get('model', '?')} on {said.get('device', '?')}")
    if kind == "end":
        return Event("end", text=str(said.get("remark", "")))
    return Event("log", text=line)


def _sum(said: object) -> float:
    stages = said.values() if isinstance(said, dict) else ()
    return float(sum(value for value in stages if isinstance(value, (int, float))))
