"""A job over many frames: plan → claim → pipeline → prove → journal → report. See docs/batch.md."""

from flyaway.batch.pipeline import Limits
from flyaway.batch.plan import Plan, Target, plan_shot
from flyaway.batch.report import ExitCode, FrameResult, FrameTask, Report
from flyaway.batch.run import RunOptions, run_plan

__all__ = [
    "ExitCode",
    "FrameResult",
    "FrameTask",
    "Limits",
    "Plan",
    "Report",
    "RunOptions",
    "Target",
    "plan_shot",
    "run_plan",
]
