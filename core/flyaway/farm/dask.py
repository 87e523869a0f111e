"""A job on a plain Dask cluster: a task a chunk. A worker that dies loses nothing but its frame in hand.

Its chunk is tried again by another worker, which finds in the journal what was done and in the dead
one's claim a lock that nobody holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flyaway.batch.job import Job, run_job
from flyaway.batch.report import ExitCode, worst
from flyaway.errors import FlyawayError
from flyaway.farm.tasks import ShotTasks

if TYPE_CHECKING:
    from distributed import Client

    from flyaway.matting import Matting

Load = Callable[..., "Matting"]

# One model a worker process, kept between its chunks.
_loaded: dict[tuple[str, ...], Matting] = {}


@dataclass
class FarmReport:
    """What became of a job on a cluster.

    Attributes
    ----------
    done : (shot, range) → that chunk's report, as plain JSON values.
    lost : (shot, range) → why no worker could bring it to an end.
    """

    done: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    lost: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def exit_code(self) -> ExitCode:
        """0 only if every frame of every chunk is on disk and proven."""
        codes = [ExitCode(report["exit_code"]) for report in self.done.values()]
        return worst([*codes, ExitCode.FAILED] if self.lost else codes)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        counts = {
            status: sum(report[status] for report in self.done.values())
            for status in ("written", "skipped", "failed")
        }
        return {
            "exit_code": int(self.exit_code),
            **counts,
            "chunks": [
                {"shot": shot, "frames": frames, **report} for (shot, frames), report in self.done.items()
            ],
            "lost": [
                {"shot": shot, "frames": frames, "error": error}
                for (shot, frames), error in self.lost.items()
            ],
        }


def run_on(
    client: Client,
    job: Job,
    shots: list[ShotTasks],
    *,
    retries: int = 3,
    load: Load | None = None,
    progress: Callable[[str, str, dict[str, Any]], None] | None = None,
) -> FarmReport:
    """Run every chunk on a cluster's workers.

    Parameters
    ----------
    client : a Dask client; one thread a worker process, for a network fills the threads it is given.
    job : the job; its paths must mean the same on every worker.
    shots : from `flyaway.farm.tasks.cut`.
    retries : how often a chunk that raises is tried again. Dead workers are counted by the cluster
        itself (`distributed.scheduler.allowed-failures`).
    load : as for `run_job`.
    progress : called with shot, range and report of each chunk that ends.
    """
    from distributed import as_completed

    report = FarmReport()
    futures = {
        client.submit(
            run_chunk, _only(job, tasks, frames), load, retries=retries, pure=False,
            key=f"flyaway-{job.name}-{tasks.shot.name}-{frames or 'all'}-{id(report):x}",
        ): (tasks.shot.name, frames)
        for tasks in shots
        for frames in tasks.chunks
    }  # fmt: skip
    for future in as_completed(futures):
        name = futures[future]
        error = future.exception()
        if error is not None:
            report.lost[name] = f"{type(error).__name__}: {error}"
            continue
        report.done[name] = future.result()
        if progress is not None:
            progress(*name, report.done[name])
    return report


def run_chunk(job: Job, load: Load | None = None) -> dict[str, Any]:
    """In a worker: a job of one chunk; returns its report as plain JSON values."""
    done = run_job(job, existing="resume", load=_keeping(load))
    if done.exit_code is ExitCode.BUSY:
        # The worker that had it may be dying just now: an exception makes the cluster try again.
        raise FlyawayError("; ".join(str(error) for error in done.refused.values()))
    return done.as_json()


def _only(job: Job, tasks: ShotTasks, frames: str) -> Job:
    shot = replace(tasks.shot, frames=frames or tasks.shot.frames, chunk=tasks.size, handles=tasks.handles)
    return replace(job, shots=(shot,))


def _keeping(load: Load | None) -> Load:
    if load is None:
        from flyaway.matting import load as load_released

        load = load_released
    make = load

    def loaded(name: str, **how: Any) -> Matting:
        key = (name, *map(str, how.values()))
        if key not in _loaded:
            _loaded.clear()
            _loaded[key] = make(name, **how)
        return _loaded[key]

    return loaded
