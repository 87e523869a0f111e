"""Start Blender on a file, read what it says of each frame, and decide whether the run succeeded.

Blender ends with exit code 0 when a matte failed, and when a frame could not be written. So nothing counts
here but what `job.py`, which runs inside Blender, has said of each frame.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from flyaway.errors import BlenderError

JOB = Path(__file__).with_name("job.py")
MARK = "@flyaway "  # what job.py begins its lines with, among everything that Blender prints
ENVIRONMENT_NAME = "FLYAWAY_BLENDER"
_KEPT_LINES = 12


@dataclass(frozen=True)
class BlenderFrame:
    """What became of one frame.

    Attributes
    ----------
    frame : its number.
    status : "rendered", "skipped" (there, and the file says not to overwrite) or "failed".
    path : the picture, where the scene writes one.
    message : why it failed, naming the node where a matte did.
    seconds : from the beginning of its render to the end of its writing.
    """

    frame: int
    status: Literal["rendered", "skipped", "failed"]
    path: str = ""
    message: str = ""
    seconds: float = 0.0


@dataclass
class BlenderRun:
    """What became of a run: frames in the order in which they were done."""

    requested: tuple[int, ...]
    frames: list[BlenderFrame] = field(default_factory=list)

    @property
    def failed(self) -> list[BlenderFrame]:
        """The frames that failed."""
        return [frame for frame in self.frames if frame.status == "failed"]


def find_blender(named: str | None = None) -> Path:
    """The Blender to run: the one named, $FLYAWAY_BLENDER, `blender` on the path, or this Python's own `bpy`.

    Raises
    ------
    BlenderError : there is none.
    """
    wanted = named or os.environ.get(ENVIRONMENT_NAME)
    if wanted:
        found = shutil.which(wanted)
        if found is None:
            raise BlenderError(
                f"{wanted} is no program: name Blender's executable, or a Python that has bpy."
            )
        return Path(found).absolute()  # ./blender, started without its ./, would be looked for on the path
    found = shutil.which("blender")
    if found is not None:
        return Path(found).absolute()
    if find_spec("bpy") is not None:
        return Path(sys.executable)
    raise BlenderError("No Blender on the path: name one with --blender PATH.")


def render(
    blend: Path,
    frames: Sequence[int],
    blender: Path,
    *,
    scene: str | None = None,
    output: str | None = None,
    progress: Callable[[BlenderFrame], None] | None = None,
) -> BlenderRun:
    """Render frames of a .blend file, as `blender -b FILE -a` does, and say what became of each.

    Parameters
    ----------
    blend : the file; it is not changed.
    frames : their numbers, in the order wanted; neighbours in even steps are rendered in one go.
    blender : see `find_blender`.
    scene : which scene; the file's active one where None.
    output : replaces the scene's output path, with Blender's own `####`.
    progress : called after every frame.

    Raises
    ------
    BlenderError : nothing could be rendered: no such file or scene, no add-on, Blender is too old.
    """
    if not blend.is_file():
        raise BlenderError(f"{blend} is not there.")
    task = {"blend": str(blend.resolve()), "frames": list(frames), "scene": scene, "output": output}
    run, ended, noise = BlenderRun(tuple(frames)), False, deque[str](maxlen=_KEPT_LINES)
    process = subprocess.Popen(  # noqa: S603 (the Blender that the user named)
        _command(blender, blend, json.dumps(task)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env={key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")},
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    with process:
        try:
            for event in _events(process, noise):
                if event["event"] == "refused":
                    raise BlenderError(str(event["message"]))
                if event["event"] == "frame":
                    run.frames.append(BlenderFrame(**event["frame"]))
                    if progress is not None:
                        progress(run.frames[-1])
                ended = ended or event["event"] == "ended"
        finally:
            if process.poll() is None and not ended:
                process.kill()
    if not ended:
        _blame(run, process.returncode, noise, progress)
    return run


def _command(blender: Path, blend: Path, task: str) -> list[str]:
    if blender.name.lower().startswith("python"):
        return [str(blender), "-P", str(JOB), "--", task]
    return [
        str(blender),
        "--background",
        str(blend),
        "--python-exit-code",
        "1",
        "--python",
        str(JOB),
        "--",
        task,
    ]


def _events(process: subprocess.Popen[str], noise: deque[str]) -> Iterator[dict[str, Any]]:
    """What job.py says; everything else that Blender prints is kept for the message if it crashes."""
    assert process.stdout is not None  # noqa: S101 (for the type checker)
    for line in process.stdout:
        before, mark, event = line.partition(MARK)
        if mark:
            yield json.loads(event)
        elif before.strip():
            noise.append(before.strip())


def _blame(
    run: BlenderRun, code: int, noise: Sequence[str], progress: Callable[[BlenderFrame], None] | None
) -> None:
    """Blender ended before its time: the frames that it owes have failed."""
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    last_words = f" Its last words: {' / '.join(noise)}" if noise else ""
    done = {frame.frame for frame in run.frames}
    for number in run.requested:
        if number not in done:
            run.frames.append(
                BlenderFrame(number, "failed", message=f"Blender {how} before it was done.{last_words}")
            )
            if progress is not None:
                progress(run.frames[-1])
            last_words = ""  # once is enough
