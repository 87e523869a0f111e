"""A bake for the farm: the same command in chunks, in the words of a render manager.

Built in: an Open Job Description template (AWS Deadline Cloud's format, which `openjd run` also runs on
one machine), and a Deadline 10 command-line job. A studio adds its own with `register`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .cache import Cache
from .errors import FarmError
from .job import Request
from .launcher import Cli, creation_flags
from .preferences import write_json
from .ranges import format_range

# The farm's machines have our program under this name; a studio's own submitter may know better.
PROGRAM = "flyaway"
# Of one parameter in an Open Job Description template.
_MOST_TASKS = 1024


@dataclass(frozen=True)
class Submission:
    """What a render manager is asked to do.

    Attributes
    ----------
    request : the bake.
    chunk : how many frames a task takes: loading the net takes seconds, so never one by one.
    program : how the farm's machines call our program.
    """

    request: Request
    chunk: int = 25
    program: str = PROGRAM

    @property
    def frames(self) -> str:
        """The range; "1" for a still, which is one task."""
        return "1" if self.request.still else format_range(self.request.frames)

    @property
    def chunks(self) -> list[str]:
        """The range of each task."""
        frames = self.request.frames
        return [format_range(frames[at : at + self.chunk]) for at in range(0, len(frames), self.chunk)]

    def arguments(self, frames: str) -> list[str]:
        """The command's arguments for one chunk, where `frames` is the manager's own placeholder."""
        words = self.request.command(Cli((self.program,), "the farm"))[1:]
        return [f"--frames={frames}" if word.startswith("--frames=") else word for word in words]


Submitter = Callable[[Submission], str]
_submitters: dict[str, Submitter] = {}


def register(name: str, submitter: Submitter) -> None:
    """Add a studio's own render manager; `submitter` returns what the artist is told. Call it in menu.py."""
    _submitters[name] = submitter


def submitters() -> list[str]:
    """Names of the render managers at hand."""
    return sorted(_submitters)


def submit(submission: Submission, name: str) -> str:
    """Hand a bake over; what the artist is told.

    Raises
    ------
    FarmError : it could not be.
    """
    submitter = _submitters.get(name)
    if submitter is None:
        raise FarmError(f"There is no render manager {name!r} here; there are {', '.join(submitters())}.")
    if submission.chunk < 1:
        raise FarmError("A task needs at least one frame.")
    # The record first: it is how the result is found again.
    Cache.prepare(submission.request)
    try:
        return submitter(submission) + _needs(submission.request.ocio)
    except OSError as error:
        raise FarmError(f"{name}: {error.strerror or error}") from error


def _needs(config: str) -> str:
    """What the farm's machines must have besides our program and the plate."""
    return f"\nThe farm's machines need the OCIO configuration {config} as well." if config else ""


def openjd_template(submission: Submission) -> dict[str, object]:
    """The job as an Open Job Description template."""
    request = submission.request
    script: dict[str, object] = {
        "actions": {
            "onRun": {
                "command": submission.program,
                "args": [_literal(word) for word in submission.arguments("\0")],
                "timeout": 24 * 3600,
                # The frame in hand is finished; what is on disk is whole.
                "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": 60},
            }
        }
    }
    step: dict[str, object] = {"name": "Matte", "script": script}
    template: dict[str, object] = {
        "specificationVersion": "jobtemplate-2023-09",
        "name": f"Flyaway {request.title}"[:128],
        "steps": [step],
    }
    if request.still:  # one task
        return template
    if re.fullmatch(r"-?\d+-?-?\d*", submission.frames):
        frames = {
            "type": "CHUNK[INT]",
            "range": submission.frames,
            "chunks": {"defaultTaskCount": submission.chunk, "rangeConstraint": "CONTIGUOUS"},
        }
        template["extensions"] = ["TASK_CHUNKING"]
    else:
        # Its contiguous chunks of every other frame are one frame each, and its words for others are not
        # those of our command line: the tasks are cut here.
        if len(submission.chunks) > _MOST_TASKS:
            raise FarmError(
                f"{submission.frames} would be {len(submission.chunks)} tasks, and a range with gaps or steps"
                f" may have {_MOST_TASKS}: raise frames a farm task."
            )
        frames = {"type": "STRING", "range": submission.chunks}
    step["parameterSpace"] = {"taskParameterDefinitions": [{"name": "Frames", **frames}]}
    return template


def _literal(word: str) -> str:
    """A word in which nothing is expanded but the frames; the format has no way to quote."""
    if "{{" in word:
        raise FarmError(f"{word}: the format takes {{{{ for a placeholder of its own. Rename the folder.")
    return word.replace("\0", "{{Task.Param.Frames}}")


def _openjd(submission: Submission) -> str:
    path = submission.request.folder / "job.template.json"
    write_json(path, openjd_template(submission))
    return f"Written: {path}. Hand it to Deadline Cloud, or try it here: openjd run {path} --step Matte"


def deadline_files(submission: Submission) -> tuple[str, str]:
    """A Deadline 10 command-line job: the job's and the plug-in's description.

    Raises
    ------
    FarmError : the range has gaps or several steps, of which a task would matte what lies between.
    """
    request = submission.request
    runs = submission.frames.split(",")
    if len(runs) > 1:
        some = " and ".join(runs[:4]) + (" and so on" if runs[4:] else "")
        raise FarmError(
            f"Deadline tells a task its first frame and its last, and this range has gaps: submit {some} one"
            " after the other, each as a custom range, or choose another farm in the preferences."
        )
    step = submission.frames.partition("x")[2]
    job = {
        "Plugin": "CommandLine",
        "Name": f"Flyaway {request.title}",
        "Frames": submission.frames,
        "ChunkSize": str(submission.chunk),
        "OutputDirectory0": request.folder.as_posix(),
        "OutputFilename0": Path(request.target.replace("%04d", "####")).name,
    }
    words = submission.arguments("<STARTFRAME>-<ENDFRAME>" + (f"x{step}" if step else ""))
    plugin = {
        "Executable": submission.program,
        "Arguments": " ".join(f"<QUOTE>{word}<QUOTE>" if " " in word else word for word in words),
    }
    return _lines(job), _lines(plugin)


def _deadline(submission: Submission) -> str:
    folder = submission.request.folder
    paths = (folder / "deadline_job.txt", folder / "deadline_plugin.txt")
    job, plugin = deadline_files(submission)
    paths[0].write_text(job, encoding="utf-8")
    paths[1].write_text(plugin, encoding="utf-8")
    program = shutil.which("deadlinecommand")
    if program is None:
        raise FarmError(
            f"deadlinecommand is not on PATH. The job is written: deadlinecommand {paths[0]} {paths[1]}"
        )
    done = subprocess.run(  # noqa: S603 -- Deadline's own program, no shell
        [program, *map(str, paths)],
        capture_output=True,
        timeout=120,
        check=False,
        creationflags=creation_flags(),
    )
    output = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        raise FarmError(f"Deadline said no: {output or done.stderr.decode('utf-8', 'replace').strip()}")
    return next((line for line in output.splitlines() if line.startswith("JobID=")), "Handed to Deadline.")


def _command(submission: Submission) -> str:
    path = submission.request.folder / "command.json"
    words = [submission.program, *submission.arguments(submission.frames)]
    path.write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")
    return f"Written: {path}, the whole bake as one command's words, for a wrapper of your own."


def _lines(values: dict[str, str]) -> str:
    return "".join(f"{key}={' '.join(value.split())}\n" for key, value in values.items())


register("openjd", _openjd)
register("deadline", _deadline)
register("command", _command)
