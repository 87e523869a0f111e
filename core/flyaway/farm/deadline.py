"""Thinkbox Deadline command-line jobs: a pair of job and plug-in info files a shot, for `deadlinecommand`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from flyaway.batch.job import Job
from flyaway.errors import JobError
from flyaway.farm.tasks import ShotTasks, command

# Deadline fills these in; the range of a chunk is contiguous with this setting of a job.
_FRAMES = "<STARTFRAME>-<ENDFRAME>"


def job_files(
    job: Job, job_file: Path, shots: list[ShotTasks], program: Sequence[str] = ("flyaway",)
) -> dict[str, str]:
    """File name → text: for each shot `NAME.job` and `NAME.plugin`.

    Submit a pair with `deadlinecommand NAME.job NAME.plugin`.

    Raises
    ------
    JobError : a value would begin another line, or a range has gaps (Deadline's tokens name a chunk's
        two ends alone).
    """
    made: dict[str, str] = {}
    for tasks in shots:
        if any(mark in tasks.frames for mark in ",x:"):
            raise JobError(
                f"{tasks.shot.name}: its range {tasks.frames} has gaps or steps, which Deadline's tokens"
                " cannot say; name a range without, or use `flyaway farm openjd`."
            )
        words = command(job_file, tasks, _FRAMES if tasks.frames else "", program=program)
        job_info = {
            "Plugin": "CommandLine",
            "Name": f"flyaway {job.name} {tasks.shot.name}",
            "BatchName": f"flyaway {job.name}",
            "Frames": tasks.frames or "0",
            "ChunkSize": str(tasks.size if tasks.frames else 1),
            # One network fills a machine.
            "ConcurrentTasks": "1",
        }
        plugin_info = {
            "Executable": words[0],
            # Deadline splits by blanks and double quotes.
            "Arguments": " ".join(_quoted(word) for word in words[1:]),
            "Shell": "default",
            "ShellExecute": "False",
            "SingleFramesOnly": "False",
        }
        made[f"{tasks.shot.name}.job"] = _lines(job_info)
        made[f"{tasks.shot.name}.plugin"] = _lines(plugin_info)
    return made


def _quoted(word: str) -> str:
    if '"' in word:
        raise JobError(f"{word!r}: a double quote within an argument cannot be said in Deadline's Arguments.")
    return f'"{word}"' if shlex.quote(word) != word and word != _FRAMES else word


def _lines(values: dict[str, str]) -> str:
    for key, value in values.items():
        if "\n" in value or "\r" in value:
            raise JobError(f"{key} of a Deadline job is one line, not {value!r}.")
    return "".join(f"{key}={value}\n" for key, value in values.items())
