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
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return Event("log", text=line)
        if isinstance(entry, dict):
            return _event(entry, line)
    return Event("log", text=line)


def _event(entry: dict[str, Any], line: str) -> Event:
    kind = entry.get("event")
    if kind == "frame" and entry.get("status") in ("written", "skipped", "failed"):
        frame, notes = entry.get("frame"), entry.get("notes")
        return Event(
            "frame",
            frame=frame if isinstance(frame, int) else None,
            status=entry["status"],
            seconds=_sum(entry.get("seconds")),
            text=str(entry.get("error") or entry.get("why") or ""),
            notes=tuple(str(note) for note in notes) if isinstance(notes, list) else (),
        )
    if kind == "start":
        return Event("start", text=f"{entry.get('model', '?')} on {entry.get('device', '?')}")
    if kind == "end":
        return Event("end", text=str(entry.get("remark", "")))
    return Event("log", text=line)


def _sum(seconds: object) -> float:
    stages = seconds.values() if isinstance(seconds, dict) else ()
    return float(sum(value for value in stages if isinstance(value, (int, float))))
