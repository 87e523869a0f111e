"""An Open Job Description template (AWS Deadline Cloud's format): a step a shot, a task a chunk.

Chunks are the specification's own (TASK_CHUNKING), so that the scheduler may size them; the frames of
a task arrive as `{{Task.Param.Frames}}`, and the run's progress leaves as `openjd_progress`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flyaway.batch.job import Job
from flyaway.farm.tasks import ShotTasks

# Long enough for the frame in hand to be finished and proven.
GRACE_SECONDS = 120


def template(job: Job, job_file: Path, shots: list[ShotTasks], program: str = "flyaway") -> dict[str, Any]:
    """The template, as plain JSON values; JSON is one of the two forms that the specification takes.

    Parameters
    ----------
    job : the job.
    job_file : its file, relative to the template's folder: the specification takes no other.
    shots : from `flyaway.farm.tasks.cut`.
    program : how those machines start us.
    """
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": f"flyaway {job.name}"[:128],
        "description": "Portrait mattes by flyaway batch. A task that is run twice does nothing twice.",
        "parameterDefinitions": [
            {
                "name": "JobFile",
                "type": "PATH",
                "objectType": "FILE",
                "dataFlow": "IN",
                "default": str(job_file),
                "description": "The job: JOB.toml or shots.csv.",
            },
            {
                "name": "Flyaway",
                "type": "STRING",
                "default": program,
                "description": "How the farm's machines start flyaway.",
            },
        ],
        "steps": [_step(tasks) for tasks in shots],
    }


def _step(tasks: ShotTasks) -> dict[str, Any]:
    words = ["batch", "{{Param.JobFile}}", "--shot", tasks.shot.name, "--resume", "--progress", "openjd"]
    step: dict[str, Any] = {"name": tasks.shot.name[:64]}
    if tasks.frames:
        words += ["--frames", "{{Task.Param.Frames}}"]
        words += ["--chunk", str(tasks.size), "--handles", str(tasks.handles)]
        chunks = {"defaultTaskCount": tasks.size, "rangeConstraint": "CONTIGUOUS"}
        frames = {
            "name": "Frames",
            "type": "CHUNK[INT]",
            "range": openjd_range(tasks.frames),
            "chunks": chunks,
        }
        step["parameterSpace"] = {"taskParameterDefinitions": [frames]}
    run = {
        "command": "{{Param.Flyaway}}",
        "args": words,
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": GRACE_SECONDS},
    }
    step["script"] = {"actions": {"onRun": run}}
    return step


def openjd_range(frames: str) -> str:
    """A range in their words: a step is `1-9:2` there, and `1-9x2` here."""
    return frames.replace("x", ":")
