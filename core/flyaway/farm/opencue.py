"""An OpenCue outline: a script for `pycuerun`, a layer a shot, a frame of the layer a chunk.

It imports nothing of ours, so it runs in the Python that has pyoutline. Our exit code 33 is the one
that OpenCue takes for want of memory, and tries again with more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flyaway.batch.job import Job
from flyaway.farm.tasks import ShotTasks, command

_SCRIPT = '''"""Portrait mattes of {name!r}: for pycuerun, written by flyaway {version}."""

from outline.modules.shell import ShellSequence

# Layer → its commands, one for each chunk of frames.
LAYERS = {layers}

# A layer joins the outline that pycuerun makes of this file, and bears the file's name.
for name, commands in LAYERS.items():
    ShellSequence(name, commands=commands, threads={threads}, memory={memory!r})
'''


def outline(
    job: Job,
    job_file: Path,
    shots: list[ShotTasks],
    *,
    program: Sequence[str] = ("flyaway",),
    threads: int = 2,
    memory: str = "4g",
) -> str:
    """The outline's text.

    Parameters
    ----------
    job : the job.
    job_file : its file, by a path that the farm's machines know too.
    shots : from `flyaway.farm.tasks.cut`.
    program : how those machines start us.
    threads, memory : what a frame reserves.
    """
    from flyaway import __version__

    layers = {
        tasks.shot.name.replace(".", "_"): [
            command(job_file, tasks, frames, program=program) for frames in tasks.chunks
        ]
        for tasks in shots
    }
    body = "{\n" + "".join(
        f"    {name!r}: [\n" + "".join(f"        {words!r},\n" for words in commands) + "    ],\n"
        for name, commands in layers.items()
    ) + "}"  # fmt: skip
    return _SCRIPT.format(name=job.name, version=__version__, layers=body, threads=threads, memory=memory)
