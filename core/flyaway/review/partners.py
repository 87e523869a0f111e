"""Two jobs, shot by shot: which shots are of the same name and plates, and what has no partner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flyaway.batch.job import Job, Shot, plan_job
from flyaway.batch.places import absolute
from flyaway.batch.plan import Plan
from flyaway.batch.report import FrameTask
from flyaway.errors import FlyawayError
from flyaway.frames.sequence import frame_range


@dataclass(frozen=True)
class Partner:
    """The shot that one is compared with.

    Attributes
    ----------
    shot, plan : the partner's over the frames of the other; None where there is none to compare with.
    remarks : what is not compared, and why.
    """

    shot: Shot | None = None
    plan: Plan | None = None
    remarks: tuple[str, ...] = ()


def partner_of(name: str, plan: Plan, other: Job) -> Partner:
    """The shot of another job that has this name, over the frames of `plan`.

    Frames that one of them has alone are told; where its job does not ask for a frame, its matte is looked
    for all the same.
    """
    shot = next((one for one in other.shots if one.name == name), None)
    if shot is None:
        return Partner(remarks=(f"{other.name} has no shot of this name: not compared.",))
    try:
        ((_, own),) = plan_job(replace(other, shots=(shot,)), to_write=False)
        numbers = _numbers(plan.tasks)
        asked = replace(shot, frames=frame_range(numbers)) if numbers else shot
        ((_, same),) = plan_job(replace(other, shots=(asked,)), to_write=False)
    except FlyawayError as error:
        return Partner(remarks=(f"not compared with {other.name}: {error}",))
    found = {_key(task): task for task in same.tasks}
    if not all(_key(task) in found for task in plan.tasks):
        return Partner(remarks=(f"its plates in {other.name} are others: not compared.",))
    tasks = [found[_key(task)] for task in plan.tasks]
    return Partner(shot, replace(same, tasks=tasks), tuple(_alone(plan.tasks, own.tasks, other.name)))


def without_partner(job: Job, other: Job) -> list[str]:
    """The shots of another job that this one has not."""
    names = {shot.name for shot in job.shots}
    return [shot.name for shot in other.shots if shot.name not in names]


def _alone(tasks: Sequence[FrameTask], others: Sequence[FrameTask], name: str) -> list[str]:
    """What one of two shots has alone, in sentences."""
    mine, theirs = ({_key(task): task for task in some} for some in (tasks, others))
    kinds = (
        (f"Only here, not asked for in {name}", [task for key, task in mine.items() if key not in theirs]),
        (f"Only in {name}, and not compared", [task for key, task in theirs.items() if key not in mine]),
    )
    return [f"{what}: {_named(found)}." for what, found in kinds if found]


def _named(tasks: Sequence[FrameTask]) -> str:
    numbers = _numbers(tasks)
    return f"frames {frame_range(numbers)}" if numbers else ", ".join(task.source.name for task in tasks)


def _numbers(tasks: Sequence[FrameTask]) -> list[int]:
    return [task.frame for task in tasks if task.frame is not None]


def _key(task: FrameTask) -> tuple[str, int | None]:
    return absolute(task.source), task.frame
