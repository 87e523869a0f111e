"""`flyaway farm`: hand a job to many machines."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from flyaway.batch import ExitCode
from flyaway.batch.job import Job
from flyaway.batch.jobfile import load_job
from flyaway.batch.places import absolute
from flyaway.batch.store import check_report, write_json
from flyaway.cli.console import fail, say
from flyaway.cli.progress import ReportOption, notice
from flyaway.cli.reports import report_to
from flyaway.errors import JobError
from flyaway.farm.tasks import ShotTasks, cut
from flyaway.frames.atomic import write_text
from flyaway.frames.ours import refuse_to_replace
from flyaway.optional import require
from flyaway.shot_place import HANDLES

farm = typer.Typer(
    help="Hand a job to many machines: each task is a `flyaway batch` of one chunk.", no_args_is_help=True
)

JobFile = Annotated[Path, typer.Argument(metavar="JOB.toml|shots.csv", help="What to do.")]
Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to write it.")]
Chunk = Annotated[int | None, typer.Option(min=1, help="Frames a task. Default: the shot's own, or 50.")]
Handles = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Frames before each chunk that a model with a memory sees first. Default: the shot's own, "
        f"or {HANDLES}.",
    ),
]
Program = Annotated[str, typer.Option(help="How the farm's machines start flyaway.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the CLI."""
    app.add_typer(farm, name="farm")


@farm.command()
def openjd(
    job_file: JobFile, out: Out, chunk: Chunk = None, handles: Handles = None, program: Program = "flyaway"
) -> int:
    """Write an Open Job Description template (AWS Deadline Cloud): a step a shot, a task a chunk."""
    from flyaway.farm.openjd import template

    job, shots = _cut(job_file, chunk, handles)
    folder, named = Path(absolute(out)).parent, Path(absolute(job_file))
    if not named.is_relative_to(folder):
        raise JobError(
            f"{out}: an OpenJD template names its job file relative to itself; write it to {named.parent}."
        )
    refuse_to_replace(out, "submission", [job_file], "the job file")
    write_json(out, template(job, named.relative_to(folder), shots, program))
    most = max((shot.handles for shot in shots if shot.handle_frames), default=0)
    also = f", each after {most} more that it runs for the shot's memory (--handles)" if most else ""
    # How many tasks that makes is the engine's own affair: it sizes chunks, and breaks them at gaps.
    say(f"{out}: {len(shots)} shots, chunks of at most {max(shot.size for shot in shots)} frames{also}")
    return ExitCode.OK


@farm.command()
def opencue(
    job_file: JobFile, out: Out, chunk: Chunk = None, handles: Handles = None, program: Program = "flyaway"
) -> int:
    """Write an OpenCue outline, for pycuerun: a layer a shot, a frame of it a chunk."""
    from flyaway.farm.opencue import outline

    job, shots = _cut(job_file, chunk, handles)
    refuse_to_replace(out, "submission", [job_file], "the job file")
    write_text(out, outline(job, Path(absolute(job_file)), shots, program=shlex.split(program)))
    return _report_tasks(out, shots)


@farm.command()
def deadline(
    job_file: JobFile, out: Out, chunk: Chunk = None, handles: Handles = None, program: Program = "flyaway"
) -> int:
    """Write Thinkbox Deadline command-line jobs into a folder: a job and a plug-in info file a shot."""
    from flyaway.farm.deadline import job_files

    job, shots = _cut(job_file, chunk, handles)
    files = job_files(job, Path(absolute(job_file)), shots, shlex.split(program))
    for name in files:
        refuse_to_replace(out / name, "submission", [job_file], "the job file")
    for name, text in files.items():
        write_text(out / name, text)
    return _report_tasks(out, shots)


@farm.command()
def dask(
    job_file: JobFile,
    scheduler: Annotated[
        str | None, typer.Option(help="The cluster's: tcp://host:8786. Default: one on this machine.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes of a cluster on this machine.")] = 2,
    chunk: Chunk = None,
    handles: Handles = None,
    report_path: ReportOption = None,
) -> int:
    """Run a job on a Dask cluster; a worker that dies loses nothing.

    Exit code: as `flyaway batch`.
    """
    distributed = require("A Dask cluster", "distributed", install="distributed")
    from flyaway.farm.dask import run_on

    job, shots = _cut(job_file, chunk, handles)
    if report_path is not None:
        check_report(report_path, [job_file])
    cluster = (
        None
        if scheduler
        else distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    )
    with distributed.Client(scheduler or cluster) as client:
        report = run_on(client, job, shots, progress=_chunk_done)
    if cluster is not None:
        cluster.close()
    for (shot, frames), why in report.lost.items():
        fail(f"{shot} {frames}: {why}")
    for chunk_report in report.done.values():
        for shot_report in chunk_report["shots"]:
            for failure in shot_report["failures"]:
                fail(str(failure["error"]))
    counts = report.as_json()
    say(
        ", ".join(
            f"{counts[status]} {status}" for status in ("written", "skipped", "failed") if counts[status]
        )
    )
    report_to(report_path, counts)
    return report.exit_code


def _cut(job_file: Path, chunk: int | None, handles: int | None) -> tuple[Job, list[ShotTasks]]:
    # By full paths, since a farm's machine stands in another folder; through the links that they were
    # named by, since a show's files have one name on all machines and lie in another place on each.
    job = load_job(absolute(job_file))
    notice(list(job.notes))
    return job, cut(job, chunk, handles)


def _report_tasks(out: Path, shots: list[ShotTasks]) -> int:
    tasks = sum(len(shot.chunks) for shot in shots)
    more = sum(shot.handle_frames for shot in shots)
    also = f", which run {more} frames before their own for the shots' memory (--handles)" if more else ""
    say(f"{out}: {len(shots)} shots, {tasks} tasks{also}")
    return ExitCode.OK


def _chunk_done(shot: str, frames: str, report: dict[str, Any]) -> None:
    counts = {status: report[status] for status in ("written", "skipped", "failed") if report[status]}
    say(f"{shot} {frames}: {json.dumps(counts)}")
