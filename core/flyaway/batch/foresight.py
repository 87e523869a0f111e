"""What a run that resumes will make of earlier frames, told beforehand by names, sizes and times alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flyaway.batch.finish import anchored, frame_settings
from flyaway.batch.journal import Entry, outputs_for
from flyaway.batch.places import Anchor
from flyaway.batch.plan import Plan
from flyaway.batch.report import FrameTask
from flyaway.batch.resume import settings_hash, why_stale

if TYPE_CHECKING:
    from flyaway.batch.options import RunOptions

CHANGED = "changed after it was written: a whole picture is kept, and fails its frame, without --overwrite"
Judge = Callable[[FrameTask, Entry], str]


def judge(plan: Plan, options: RunOptions) -> Judge:
    """A function that says why what the journal says of a frame will not do, or "".

    It looks into no file, so a matte that was changed and kept its size is found by the run alone.

    Parameters
    ----------
    plan : the frames; all of an entry's files must be there.
    options : how they are run.
    """
    finish = anchored(options.finish, plan)
    # Whether the model has a memory is known only when it is loaded; either answer is an earlier run's.
    hashes = {settings_hash(plan, options, remembers=remembers) for remembers in (False, True)}
    anchor = Anchor(plan.places[0][0].parent)

    def why(task: FrameTask, entry: Entry) -> str:
        for path in task.targets:
            if path.stat().st_size not in {one.bytes for one in outputs_for(path, entry, anchor)}:
                return CHANGED
        settings = {frame_settings(one, finish, plan.writes, task) for one in hashes}
        current = entry.settings if entry.settings in settings else ""
        return why_stale(entry, task, entry.model, current)

    return why
