"""One bake: what is asked for, what it is called on the command line, and how far it has come."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from .errors import BakeError
from .events import Event
from .launcher import Cli
from .ranges import format_range

STATES = ("queued", "running", "stopping", "done", "cancelled", "failed")
# What is written, and the channels that it has; of the plate's own the bake's Copy puts them in the place.
OUTPUTS = {
    "matte": ("rgba.alpha",),
    "rgba": ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"),
    "fg": ("rgba.red", "rgba.green", "rgba.blue"),
    "unknown": ("unknown.alpha",),
}
_MAX_LOG = 5000


def file_name(output: str, *, still: bool) -> str:
    """What the files of a bake are called: a pattern, or a still's name."""
    return f"{output}.exr" if still else f"{output}.%04d.exr"


@dataclass(frozen=True)
class Settings:
    """What changes the mattes; all of it is part of a bake's signature.

    Attributes
    ----------
    model : which weights.
    in_space : the plate's colour space, or "" where the files say it themselves.
    coarse_only : without the fine regions.
    alpha_in : what the plate's own alpha is: auto, premultiplied, straight or ignore.
    finish : matte controls, masks and the person, as words of the command line.
    output : what is written, one of `OUTPUTS`.
    colour : the colour of edges and despill, as words of the command line.
    stills : each frame by itself, also with a model that has a memory.
    steadiness : how far hair is held from frame to frame by such a model, 0 to 1.
    """

    model: str = "fast"
    in_space: str = ""
    coarse_only: bool = False
    alpha_in: str = "auto"
    finish: tuple[str, ...] = ()
    output: str = "matte"
    colour: tuple[str, ...] = ()
    stills: bool = False
    steadiness: float = 1.0

    def as_dict(self) -> dict[str, str]:
        """For a bake's signature and its record."""
        entries = self.network()
        if self.finish:
            entries["finish"] = json.dumps(self.finish)
        # Bakes from before there was a choice keep their folder.
        if self.output != "matte":
            entries["output"] = self.output
        if self.colour:
            entries["colour"] = json.dumps(self.colour)
        return entries

    def network(self) -> dict[str, str]:
        """Of these, what the network's own mattes depend on."""
        entries = {"model": self.model, "in_space": self.in_space, "coarse_only": str(self.coarse_only)}
        # Bakes from before there was a choice keep their folder.
        if self.alpha_in != "auto":
            entries["alpha_in"] = self.alpha_in
        if self.steadiness != 1:
            entries["steadiness"] = f"{self.steadiness:g}"
        return {**entries, "stills": "True"} if self.stills else entries


@dataclass(frozen=True)
class Request:
    """One bake as it was asked for.

    Attributes
    ----------
    title : for people: the plate's or the node's name.
    source : the plate's files: a pattern with `%04d`, or one file where `frames` is empty.
    frames : which, ascending; empty for a still.
    folder : where the mattes go.
    settings : see `Settings`.
    device : auto, cpu, cuda, …; no part of the signature, since it changes nothing that can be seen.
    node : the bake node's full name, or "".
    ocio : the OCIO configuration that `settings.in_space` is a name of, or "".
    """

    title: str
    source: str
    frames: tuple[int, ...]
    folder: Path
    settings: Settings = field(default_factory=Settings)
    device: str = "auto"
    node: str = ""
    ocio: str = ""

    @property
    def still(self) -> bool:
        """Whether the plate is one file for all frames."""
        return not self.frames

    @property
    def target(self) -> str:
        """The mattes' pattern, with forward slashes, as Nuke writes paths."""
        return (self.folder / file_name(self.settings.output, still=self.still)).as_posix()

    def matte(self, frame: int | None) -> Path:
        """One matte's file."""
        name = file_name(self.settings.output, still=self.still)
        return self.folder / (name if frame is None else name % frame)

    @property
    def raw(self) -> str:
        """Where the network's own mattes are kept, for all bakes that differ in controls alone."""
        signature = json.dumps([self.source, self.settings.network()], sort_keys=True)
        name = f"raw-{hashlib.sha256(signature.encode()).hexdigest()[:10]}"
        return (self.folder.parent / name / file_name("matte", still=self.still)).as_posix()

    def preview(self, frame: int | None) -> Path:
        """One frame's preview: plate and matte as a small straight RGBA PNG."""
        return self.folder / "previews" / (self.matte(frame).stem + ".png")

    def command(self, cli: Cli, frames: tuple[int, ...] | None = None) -> list[str]:
        """The arguments that do it (or a part of its frames)."""
        frames = self.frames if frames is None else frames
        command = [*cli.command, "matte", self.source, "-o", self.target]
        if not self.still:
            # With "=": a range that begins with a negative frame is no option.
            command.append(f"--frames={format_range(frames)}")
        command += ["--model", self.settings.model, "--device", self.device]
        if self.settings.in_space:
            command += ["--in-space", self.settings.in_space]
        if self.settings.alpha_in != "auto":
            command += ["--alpha-in", self.settings.alpha_in]
        if self.settings.coarse_only:
            command.append("--coarse-only")
        if self.settings.stills:
            command.append("--stills")
        if self.settings.steadiness != 1:
            command += ["--steadiness", f"{self.settings.steadiness:g}"]
        if self.ocio:
            command += ["--ocio", self.ocio]
        if self.settings.output != "matte":
            command += ["--output", self.settings.output]
        command += [*self.settings.colour, *self.settings.finish, "--raw", self.raw]
        command += ["--previews", str(self.folder / "previews")]
        # What its journal lists is kept: a bake that was stopped goes on where it was.
        return [*command, "--resume", "--progress", "ndjson"]


@dataclass
class Job:
    """A request on its way.

    Attributes
    ----------
    request : what is asked for.
    number : counts up within a session.
    state : one of `STATES`.
    frames : frame (None for a still) → what became of it: "written", "skipped" or "failed".
    problems : frame → why it failed.
    log : what was said, newest last; `dropped` lines before it were let go.
    message : one line for people: why it failed, or how it ended.
    """

    request: Request
    number: int = 0
    state: str = "queued"
    frames: dict[int | None, str] = field(default_factory=dict)
    problems: dict[int | None, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    dropped: int = 0
    message: str = ""
    started: float = 0.0
    seconds: float = 0.0
    last: int | None = None

    @property
    def total(self) -> int:
        """How many frames are asked for."""
        return max(1, len(self.request.frames))

    @property
    def finished(self) -> int:
        """How many are on disk and whole."""
        return sum(status != "failed" for status in self.frames.values())

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(status == "failed" for status in self.frames.values())

    @property
    def active(self) -> bool:
        """Whether it has still to end."""
        return self.state in ("queued", "running", "stopping")

    def begin(self) -> None:
        """It has been started (again): what is known of its frames is found out anew."""
        self.state, self.message, self.started, self.seconds = "running", "", time.monotonic(), 0.0
        self.frames.clear()
        self.problems.clear()

    def take(self, event: Event) -> None:
        """Note one event."""
        if event.kind == "frame":
            frame = None if self.request.still else event.frame
            self.frames[frame] = event.status
            self.last = frame
            if event.status == "failed":
                self.problems[frame] = event.text
            # A failure is told in full on stderr, which comes in as a log line.
            if event.status != "failed":
                self.say(self._line(event, frame))
        elif event.text:
            self.say(event.text)

    def end(self, code: int, last_words: tuple[str, ...] = ()) -> None:
        """It has ended with this exit code."""
        self.seconds = time.monotonic() - self.started
        if code == 0 and self.finished == self.total:
            self.state, self.message = "done", f"{self.total} of {self.total} frames in {self.seconds:.0f} s"
        elif self.state == "stopping" or code == 130:
            self.state = "cancelled"
            self.message = f"stopped with {self.finished} of {self.total} frames; Resume does the rest"
        else:
            self.state, self.message = "failed", self._why(code, last_words)
        self.say(self.message)

    def fail(self, error: BakeError) -> None:
        """It could not be started, or not be finished in the host."""
        self.state, self.message = "failed", str(error)
        self.say(f"error: {error}")

    def say(self, text: str) -> None:
        """Add to the log."""
        self.log.append(text)
        if len(self.log) > _MAX_LOG:
            self.dropped += 1
            del self.log[0]

    def remaining(self) -> float | None:
        """Seconds to go, by the pace so far; None while there is no pace."""
        over = len(self.frames)
        if self.state != "running" or not over:
            return None
        return (time.monotonic() - self.started) / over * (self.total - over)

    def _why(self, code: int, last_words: tuple[str, ...]) -> str:
        if code == 33:
            return f"{self.failed} frames failed for want of memory. Free some, or choose the device cpu."
        if self.failed:
            first = next(iter(self.problems.values()), "")
            return f"{self.failed} of {self.total} frames failed. {first}".strip()
        words = [line for line in last_words if line.startswith("error:")] or list(last_words)
        reason = (
            words[-1][len("error: ") :] if words and words[-1].startswith("error: ") else "".join(words[-1:])
        )
        return reason or f"flyaway ended with exit code {code} and said nothing"

    def _line(self, event: Event, frame: int | None) -> str:
        name = self.request.title if frame is None else f"frame {frame}"
        took = f" in {event.seconds:.2f} s" if event.seconds else ""
        notes = f" ({'; '.join(event.notes)})" if event.notes else ""
        why = f", again: {event.text}" if event.text else ""
        return f"[{len(self.frames)}/{self.total}] {name} {event.status}{took}{notes}{why}"
