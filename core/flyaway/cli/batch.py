"""`flyaway batch`: many shots in one job, run, resumed, or only planned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from flyaway.batch import ExitCode, FrameResult, Limits, Plan, Target
from flyaway.batch.finish import files_of
from flyaway.batch.job import Job, Shot, chosen_where, plan_job, run_job
from flyaway.batch.job_report import JobReport
from flyaway.batch.jobfile import load_job
from flyaway.batch.naming import filled, tokens_of
from flyaway.batch.options import Existing
from flyaway.batch.others import other_engine, other_weights
from flyaway.batch.stop import stop_on_signals
from flyaway.batch.store import check_report
from flyaway.cli.alpha import AlphaKind
from flyaway.cli.console import errors, fail, harmless, say
from flyaway.cli.plan import print_json, print_table, rows_of
from flyaway.cli.progress import (
    ProgressKind,
    ProgressOption,
    ReportOption,
    Show,
    ThreadsOption,
    notice,
    show,
)
from flyaway.cli.reports import report_to
from flyaway.errors import FlyawayError, JobError
from flyaway.frames.atomic import write_text
from flyaway.matting import Matting
from flyaway.shot_place import HANDLES
from flyaway.weights import model_info


def register(app: typer.Typer) -> None:
    """Add the command to the CLI."""
    app.command("batch")(batch)


_EXAMPLES = {
    ".toml": """\
# A job for `flyaway batch`. Relative paths are relative to this file.

[tokens]                        # naming tokens of your own, beside {job}, {shot} and {model}
show = "abc"

[defaults]                      # what shots do not say themselves
model = "fast"
# in_space = "ACEScg"           # only where the files do not say it
[[defaults.outputs]]
path = "mattes/{show}/{shot}/{shot}.####.exr"

[[shots]]
name = "sh010"
source = "plates/sh010/sh010.####.exr"
# frames = "1001-1100"          # without it, those on disk

[[shots]]
name = "sh020"
source = "plates/sh020/sh020.####.exr"
  [[shots.outputs]]
  path = "mattes/{show}/{shot}/{shot}.####.exr"
  [[shots.outputs]]             # the person, cut out
  path = "comp/{show}/{shot}/{shot}_rgba.####.exr"
  kind = "rgba"
""",
    ".csv": """\
shot,source,output,frames,model
sh010,plates/sh010/sh010.####.exr,mattes/{shot}/{shot}.####.exr,1001-1100,fast
sh020,plates/sh020/sh020.####.exr,mattes/{shot}/{shot}.####.exr,,fast
""",
}


def batch(
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml|shots.csv", help="What to do.")],
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="DST", help="For shots that name no output.")
    ] = None,
    shots: Annotated[list[str] | None, typer.Option("--shot", help="Only this one; may be repeated.")] = None,
    frames: Annotated[str | None, typer.Option(help="Instead of the job's own range: 1001-1050.")] = None,
    model: Annotated[str | None, typer.Option(help="Instead of the job's own model.")] = None,
    device: Annotated[str | None, typer.Option(help="Instead of the job's own device.")] = None,
    engine: Annotated[
        str | None, typer.Option(help="Instead of the job's own: onnxruntime, openvino or torch.")
    ] = None,
    alpha_in: Annotated[
        AlphaKind | None, typer.Option("--alpha-in", help="Instead of the job's own: see `flyaway matte -h`.")
    ] = None,
    stills: Annotated[
        bool, typer.Option("--stills", help="Matte each frame by itself, also with a model that remembers.")
    ] = False,
    steadiness: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="How far hair is held from frame to frame of a shot; 0: as the network has it."
        ),
    ] = None,
    handles: Annotated[
        int | None,
        typer.Option(
            min=0, help=f"Frames before a range or chunk that a model with a memory sees. Default: {HANDLES}."
        ),
    ] = None,
    chunk: Annotated[
        int | None, typer.Option(min=0, help="Frames after which such a model forgets, as on a farm.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do every frame again.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Do what is missing, stale or broken. This is the default.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and its cost; do nothing.")
    ] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="With --dry-run: time the models here, for seconds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: as JSON.")] = False,
    init: Annotated[bool, typer.Option("--init", help="Write a job file to fill in.")] = False,
    progress: ProgressOption = ProgressKind.AUTO,
    report_path: ReportOption = None,
    review: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Afterwards write there what flyaway review JOB writes."),
    ] = None,
    memory: Annotated[int, typer.Option(min=1, help="MiB that frames on their way may take up.")] = 2048,
    readers: Annotated[int, typer.Option(min=1, help="Threads that read.")] = 2,
    writers: Annotated[int, typer.Option(min=1, help="Threads that write.")] = 2,
    threads: ThreadsOption = None,
) -> int:
    """Run a job of many shots; run again, it does only what is missing, stale or broken.

    Exit code: 0, every frame of every shot is on disk and was read back; 1, nothing was started; 2, some
    frames failed; 33, some failed for want of memory; 75, another run is at work on some; 130, interrupted.
    """
    if init:
        return _write_example(job_file)
    if overwrite and resume:
        raise JobError("--overwrite and --resume exclude each other.")
    alpha = None if alpha_in is None else alpha_in.value
    changes: dict[str, Any] = {"frames": frames, "model": model, "handles": handles, "chunk": chunk}
    changes["alpha_in"] = alpha
    changes["stills"] = stills or None
    changes["steadiness"] = steadiness
    job = load_job(job_file, (Target(out),) if out else ())
    notice(list(job.notes))
    job = narrowed(job, shots, {key: value for key, value in changes.items() if value is not None})
    job = replace(
        job, device=device or job.device, engine=engine or job.engine, threads=threads or job.threads
    )
    if dry_run:
        return _print_plan(job, measure=measure, as_json=as_json, overwrite=overwrite)
    plans = plan_job(job)
    if report_path is not None:
        files = (path for shot, plan in plans for path in files_of(plan, filled(shot, tokens_of(job, shot))))
        check_report(report_path, [job_file, *files])
    notice(
        [
            f"{shot.name}: {line}"
            for shot, plan in plans
            for line in (*plan.notices, *(() if overwrite else _others(job, shot, plan)))
        ]
    )
    limits = Limits(readers, writers, memory << 20)
    total = sum(len(plan.tasks) for _, plan in plans)
    with show(progress, total) as shown, stop_on_signals(shown.stopping) as stop:
        teller = _Teller(shown)
        report = run_job(
            job,
            existing="overwrite" if overwrite else "resume",
            limits=limits,
            progress=teller.frame,
            begin=teller.begin,
            stop=stop,
        )
        for name, error in report.as_json()["refused"].items():
            fail(f"{name}: {error}")
        shown.end(report, _remark(report, total))
    report_to(report_path, report.as_json())
    if review is not None and not report.interrupted:
        _review(job, review)
    return report.exit_code


def _others(job: Job, shot: Shot, plan: Plan) -> list[str]:
    """What is to be told of frames that other weights or another engine made."""
    info = model_info(shot.model)
    return [*other_weights(plan, info, job.engine), *other_engine(plan, info, job.engine)]


def _review(job: Job, folder: Path) -> None:
    """Write the review. The exit code stays the run's: it tells of frames, not of pages."""
    from flyaway.review.job import INDEX, review_job

    try:
        done = review_job(job, folder)
    except FlyawayError as error:
        fail(f"no review: {error}")
    else:
        unsure = [one.name for one in done if not one.review.sure]
        told = f" (not measured in full: {', '.join(unsure)}; the page says what)" if unsure else ""
        errors.print(Text(harmless(f"{folder / INDEX}: the review{told}")))


def narrowed(job: Job, shots: list[str] | None, changes: dict[str, object]) -> Job:
    """The job with only some shots, and with what was given on the command line."""
    unknown = sorted(set(shots or ()) - {shot.name for shot in job.shots})
    if unknown:
        raise JobError(f"{job.name} has no shot {', '.join(unknown)}.")
    kept = [shot for shot in job.shots if not shots or shot.name in shots]
    if "frames" in changes:
        kept = [chosen_where(job, shot) for shot in kept]
    return replace(job, shots=tuple(replace(shot, **changes) for shot in kept))  # type: ignore[arg-type]


class _Teller:
    """Hands a job's events to what shows them."""

    def __init__(self, shown: Show) -> None:
        self._shown = shown

    def begin(self, shot: Shot, plan: Plan, matting: Matting) -> None:
        """A shot is begun."""
        self._shown.start(
            plan.tasks, name=shot.name, frames=len(plan.tasks), model=shot.model, device=matting.device
        )

    def frame(self, _shot: Shot, result: FrameResult) -> None:
        """A frame is done."""
        self._shown(result)


def _remark(report: JobReport, total: int) -> str:
    counts = report.as_json()
    parts = [f"{counts[status]} {status}" for status in ("written", "skipped", "failed") if counts[status]]
    lacks = dict.fromkeys(lack for shot in report.reports for lack in shot.lacks)
    parts += [f"{shot.name}: {remark}" for shot in report.reports for remark in shot.remarks]
    parts += [f"the mattes' disk: {lack}" for lack in lacks]
    if report.refused:
        parts.append(f"{len(report.refused)} shots not begun")
    if report.interrupted:
        done = sum(shot.done for shot in report.reports)
        parts.append(f"interrupted after {done} of {total}; the same command does the rest")
    return ", ".join(parts) or "nothing done"


def _print_plan(job: Job, *, measure: bool, as_json: bool, overwrite: bool) -> int:
    existing: Existing = "overwrite" if overwrite else "resume"
    rows = rows_of(job, plan_job(job), measure=measure, existing=existing)
    print_json(job, rows) if as_json else print_table(job, rows)
    return ExitCode.USAGE if any(row.wrong for row in rows) else ExitCode.OK


def _write_example(path: Path) -> int:
    """Write a job to fill in."""
    if path.suffix.lower() not in _EXAMPLES:
        raise JobError(f"{path}: a job file ends in {' or '.join(_EXAMPLES)}.")
    if path.exists():
        raise JobError(f"{path} is there already, and is left as it is. Name another file.")
    write_text(path, _EXAMPLES[path.suffix.lower()])
    say(f"{path}: fill it in, then: flyaway batch {path} --dry-run")
    return ExitCode.OK
