"""A job over many frames: plan → claim → pipeline → prove → journal → report. See docs/batch.md."""

from flyaway.batch.job import Job, Shot, plan_job, run_job
from flyaway.batch.job_report import JobReport
from flyaway.batch.jobfile import load_job
from flyaway.batch.options import RunOptions
from flyaway.batch.pipeline import Limits
from flyaway.batch.plan import Plan, Target, plan_shot
from flyaway.batch.report import ExitCode, FrameResult, FrameTask, Report
from flyaway.batch.run import run_plan

__all__ = [
    "ExitCode",
    "FrameResult",
    "FrameTask",
    "Job",
    "JobReport",
    "Limits",
    "Plan",
    "Report",
    "RunOptions",
    "Shot",
    "Target",
    "load_job",
    "plan_job",
    "plan_shot",
    "run_job",
    "run_plan",
]
