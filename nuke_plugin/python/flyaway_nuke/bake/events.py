"""What our command line says while it works, line by line, as events.

The one place that knows the command line's words: `--progress ndjson` (one JSON object a line), and the
plain lines of releases that do not have it yet.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

# A line longer than this is none of ours; it is logged cut, never parsed.
_LONGEST = 64 * 1024
_PLAIN = re.compile(r"\[(\d+)/(\d+)\] (.+) -> (.+?) (written|skipped)(?: (\d+) ms)?(?: \((.*)\))?")
_FAILED = re.compile(r"error: (?:frame (-?\d+), )?(.*)")
# A minus counts only after a separator of its own: plate.-003, but plate-003 is frame 3.
_NUMBER = re.compile(r"((?<=[._])-)?(\d+)(?=\D*$)")


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: "frame" (one is over), "total" (how many there will be), "end", or "log" (words only).
        frame: its number; None for a still.
        status: of a frame: "written", "skipped" or "failed".
        target: the matte on disk.
        seconds: in the network, for this frame.
        text: what went wrong, or what a user should know; the line itself for "log".
        total: of the run, where known.
    """

    kind: str
    frame: int | None = None
    status: str = ""
    target: str = ""
    seconds: float = 0.0
    text: str = ""
    total: int = 0
    notes: tuple[str, ...] = field(default=())


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
        if isinstance(said, dict) and isinstance(said.get("event"), str):
            return _from_json(said, line)
    return _from_plain(line)


def _from_json(said: dict[str, Any], line: str) -> Event:
    if said["event"] == "frame" and said.get("status") in ("written", "skipped", "failed"):
        frame, targets, seconds = said.get("frame"), said.get("targets"), said.get("seconds")
        notes = said.get("notes")
        return Event(
            "frame",
            frame=frame if isinstance(frame, int) else None,
            status=said["status"],
            target=str(targets[0]) if isinstance(targets, list) and targets else "",
            seconds=_seconds(seconds),
            text=str(said.get("error") or said.get("why") or ""),
            notes=tuple(str(note) for note in notes) if isinstance(notes, list) else (),
        )
    total = next((said[key] for key in ("requested", "frames", "total") if isinstance(said.get(key), int)), 0)
    if said["event"] in ("start", "shot", "plan") and total:
        return Event("total", total=total)
    return Event("log", text=str(said.get("message") or said.get("text") or line))


def _seconds(said: object) -> float:
    """Of the whole frame, whether the stages are told apart or not."""
    values = list(said.values()) if isinstance(said, dict) else [said]
    return float(sum(value for value in values if isinstance(value, (int, float))))


def _from_plain(line: str) -> Event:
    done = _PLAIN.fullmatch(line)
    if done is not None:
        _, total, source, target, status, milliseconds, notes = done.groups()
        number = _NUMBER.search(source.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0])
        return Event(
            "frame",
            frame=int(number.group()) if number else None,
            status=status,
            target=target,
            seconds=int(milliseconds or 0) / 1000,
            notes=tuple(notes.split("; ")) if notes else (),
            total=int(total),
        )
    failed = _FAILED.fullmatch(line)
    if failed is not None and failed.group(1) is not None:
        return Event("frame", frame=int(failed.group(1)), status="failed", text=failed.group(2))
    return Event("log", text=line)
