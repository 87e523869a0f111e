"""A job: shots, each with its plates, range, model and outputs. What a job file says, as typed objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyaway import matting as matting_module
from flyaway.batch.finish import Finish, check_finish
from flyaway.batch.first_plate import check_writable
from flyaway.batch.job_report import JobReport
from flyaway.batch.naming import fill_in, filled, filled_output, tokens_of
from flyaway.batch.options import Existing, RunOptions, check_existing_word
from flyaway.batch.pipeline import Limits
from flyaway.batch.places import Anchor
from flyaway.batch.plan import Plan, Target, plan_shot
from flyaway.batch.raw import raw_path
from flyaway.batch.report import FrameResult
from flyaway.batch.run import run_plan
from flyaway.chosen import (
    MaybePathField,
    PartField,
    PathField,
    check_word,
    maybe_path_field,
    part_field,
    path_field,
    share,
    whole,
)
from flyaway.color import check_config, resolve_config, resolve_space
from flyaway.coverage import ALPHA_IN, AlphaIn
from flyaway.engines.base import DEFAULT_ENGINE
from flyaway.errors import BusyError, FlyawayError, JobError
from flyaway.frames.atomic import DISK, Disk
from flyaway.frames.read import ReadOptions
from flyaway.matting import DEFAULT_MODEL
from flyaway.shot_place import HANDLES
from flyaway.weights import check_model

if TYPE_CHECKING:
    from flyaway.matting import Matting


@dataclass(frozen=True)
class Shot:
    """One sequence (or folder, or photograph) and what is to become of it.

    Attributes
    ----------
    name : for reports, and the naming token `{shot}`.
    source : a file, a folder or a frame pattern, as text or `Path`; may hold naming tokens.
    outputs : where mattes go; their paths may hold naming tokens.
    frames : which frames of a pattern; those on disk when None.
    model : which weights: a name, or `NAME@VERSION` for earlier ones.
    in_space, part, layer, ocio : how plates are read, where their files do not say.
    alpha_in : what an alpha that comes with the plates is; see `flyaway.frames.ReadOptions`.
    finish : garbage and core matte, matte controls, and which person.
    coarse_only : leave the fine regions out.
    chunk : frames after which a model with a memory forgets; 0 for never.
    handles : frames before the first one and before each chunk that such a model sees first.
    stills : matte each frame by itself, also with such a model.
    steadiness : how far hair is held from frame to frame by such a model, 0 to 1; see `flyaway.steady`.
    tokens : more naming tokens.

    Raises
    ------
    JobError : one of these cannot be.
    UsageError : what should be a path or a part is none.
    """

    name: str
    source: PathField = path_field()
    outputs: tuple[Target, ...] = ()
    frames: str | None = None
    model: str = DEFAULT_MODEL
    in_space: str | None = None
    part: PartField = part_field()
    layer: str | None = None
    ocio: MaybePathField = maybe_path_field()
    alpha_in: AlphaIn = "auto"
    finish: Finish = field(default_factory=Finish)
    coarse_only: bool = False
    chunk: int = 0
    handles: int = HANDLES
    stills: bool = False
    steadiness: float = 1.0
    tokens: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse, before the night, what no frame could be made with; numbers become Python's own."""
        at: dict[str, Any] = {"error": JobError, "where": f"{self.name}: "}
        check_word(self.alpha_in, ALPHA_IN, "alpha_in", **at)
        plain = {
            "chunk": whole(self.chunk, 0, "chunk", **at),
            "handles": whole(self.handles, 0, "handles", **at),
            "steadiness": share(self.steadiness, "steadiness", **at),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Job:
    """Shots that are run together.

    Attributes
    ----------
    name : for reports, and the naming token `{job}`.
    shots : in the order they are run.
    device, engine, threads : as `flyaway.load` takes them.
    notes : what a person should know of the file that it was read from.
    """

    name: str
    shots: tuple[Shot, ...]
    device: str = "auto"
    engine: str = DEFAULT_ENGINE
    threads: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def loading(self) -> dict[str, Any]:
        """Arguments of `flyaway.load` besides the model's name; those not chosen keep its defaults."""
        options: dict[str, Any] = {"device": self.device, "engine": self.engine}
        return options if self.threads is None else options | {"threads": self.threads}


def plan_job(job: Job, *, to_write: bool = True) -> list[tuple[Shot, Plan]]:
    """Resolve every shot to files, before any is begun.

    `to_write=False` is for who only looks at mattes, and need not be let write where they are.

    Raises
    ------
    JobError : naming all that is wrong, in all shots.
    """
    plans, wrong = [], []
    names = Counter(shot.name for shot in job.shots)
    wrong += [f"{name}: {count} shots have this name" for name, count in names.items() if count > 1]
    for shot in job.shots:
        try:
            plans.append((shot, _plan(job, shot, to_write=to_write)))
        except (FlyawayError, OSError) as error:
            wrong.append(f"{shot.name}: {error}")
    wrong += _clashes(job, plans)
    if not job.shots:
        wrong.append("no shots")
    if wrong:
        raise JobError(f"{job.name} cannot be run. " + " ".join(wrong))
    return plans


def run_job(
    job: Job,
    *,
    existing: Existing = "resume",
    limits: Limits | None = None,
    progress: Callable[[Shot, FrameResult], None] | None = None,
    begin: Callable[[Shot, Plan, Matting], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    load: Callable[..., Matting] | None = None,
    disk: Disk = DISK,
) -> JobReport:
    """Run every shot, one after another; a shot that another run is at does not stop the others.

    Parameters
    ----------
    job : what to do.
    existing : see `RunOptions`; by default a job that is run twice does nothing the second time.
    limits : of the pipeline.
    progress : called with each frame's result, in order.
    begin : called before each shot's first frame.
    stop : asked before each frame.
    load : makes a model of (name, device=…, engine=…); `flyaway.load` when None.
    disk : where everything is written.

    Raises
    ------
    UsageError : an `existing` that is no word of `RunOptions`; nothing was started.
    JobError : some shot cannot be run; nothing was started.
    EngineError, WeightsError, MemoryError : the first shot's model cannot be loaded; nothing was started.
    """
    check_existing_word(existing)
    load = load or matting_module.load
    report = JobReport(job.name)
    loaded: dict[str, Matting] = {}
    for shot, plan in plan_job(job):
        if report.interrupted or stop():
            report.interrupted = True
            break
        if shot.model not in loaded:
            loaded.clear()  # one model at a time is in memory
            try:
                loaded[shot.model] = load(shot.model, **job.loading)
            except KeyboardInterrupt:
                # What the shots before have done is reported all the same.
                report.interrupted = True
                break
            except (FlyawayError, MemoryError) as error:
                if not report.reports and not report.refused:
                    raise
                # What the shots before have done is reported, and those after may have another model.
                report.refused[shot.name] = error
                continue
        matting = loaded[shot.model]
        if begin is not None:
            begin(shot, plan, matting)
        tell = None if progress is None else _bound(progress, shot)
        try:
            options = run_options(shot, existing, limits)
            options = replace(options, finish=filled(shot, tokens_of(job, shot)))
            done = run_plan(matting, plan, options, tell, stop=stop, disk=disk)
        except (BusyError, JobError, ValueError) as error:
            if not isinstance(error, FlyawayError):
                raise
            report.refused[shot.name] = error
            continue
        report.reports.append(done)
        report.interrupted = done.interrupted
    return report


def run_options(shot: Shot, existing: Existing, limits: Limits | None = None) -> RunOptions:
    """How a shot is run."""
    config = None if shot.ocio is None else resolve_config(shot.ocio)
    check_config(config)
    return RunOptions(
        in_space=None if shot.in_space is None else resolve_space(shot.in_space, config),
        existing=existing,
        refine=not shot.coarse_only,
        stills=shot.stills,
        steadiness=shot.steadiness,
        finish=shot.finish,
        limits=limits or Limits(),
        read=ReadOptions(part=shot.part, layer=shot.layer, config=config, alpha_in=shot.alpha_in),
    )


def _plan(job: Job, shot: Shot, *, to_write: bool) -> Plan:
    check_model(shot.model, torch=job.engine == "torch")  # before the night, not in it
    run_options(shot, "resume")  # a colour space or configuration that is not there
    tokens = tokens_of(job, shot)
    targets = [filled_output(out, tokens) for out in shot.outputs]
    plan = plan_shot(
        shot.name,
        fill_in(shot.source, tokens),
        targets,
        shot.frames,
        chunk=shot.chunk,
        handles=shot.handles,
        to_write=to_write,
    )
    finish = filled(shot, tokens)
    check_finish(finish if to_write else replace(finish, raw=""), plan)
    if to_write:
        check_writable(plan, shot.part)
    return plan


def chosen_where(job: Job, shot: Shot) -> Shot:
    """The same shot, its person chosen in its own first frame: a part of it must not choose anew."""
    subject = shot.finish.subject
    if subject.kind == "all" or subject.frame is not None:
        return shot
    first = _plan(job, shot, to_write=False).tasks[0].frame
    return replace(shot, finish=replace(shot.finish, subject=replace(subject, frame=first)))


def _clashes(job: Job, plans: Sequence[tuple[Shot, Plan]]) -> list[str]:
    """Files that two shots would both write, and plates of one that another would overwrite."""
    owner: dict[str, str] = {}
    wrong = []
    key = Anchor(Path()).key
    plates = {key(task.source): shot.name for shot, plan in plans for task in plan.tasks}
    for shot, plan in plans:
        raw = filled(shot, tokens_of(job, shot)).raw if shot.finish.raw else ""
        kept = ((raw_path(raw, task),) if raw else () for task in plan.tasks)
        written = (
            path for task, more in zip(plan.tasks, kept, strict=True) for path in (*task.targets, *more)
        )
        for target in written:
            place = key(target)
            other = owner.setdefault(place, shot.name)
            if other != shot.name:
                wrong.append(f"{shot.name}: would overwrite {other}'s {target}.")
                break
            if place in plates:
                wrong.append(f"{shot.name}: would overwrite {target}, a plate of {plates[place]}.")
                break
    return wrong


def _bound(progress: Callable[[Shot, FrameResult], None], shot: Shot) -> Callable[[FrameResult], None]:
    return lambda result: progress(shot, result)
