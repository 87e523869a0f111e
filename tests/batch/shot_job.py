"""Run by tests in a process of its own: a shot of tiny frames with the real network, which may kill itself.

python shot_job.py MODEL WEIGHTS PLATES OUT KEPT_EVERY KILL_AT THREADS [FRAMES CHUNK HANDLES]

KILL_AT is a frame, after which the process kills itself, or SIGNAL:CALL:WHEN: then it sends itself this
signal twice, before or after the network's CALLth frame is looked at. With two threads frames are matted
two at once.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

from flyaway.batch import RunOptions, Target, memory, plan_shot, run_plan
from flyaway.batch.stop import stop_on_signals
from flyaway.engines import open_engine
from flyaway.matting import Matting
from flyaway.shot_place import HANDLES
from flyaway.weights import model_info


def main(
    name: str, weights: str, plates: str, out: str, every: str, kill_at: str, threads: str, *piece: str
) -> int:
    memory.KEPT_EVERY = int(every)
    info = model_info(name, Path(weights))
    frames, chunk, handles = piece or ("", "0", str(HANDLES))
    plan = plan_shot("shot", plates, [Target(out)], frames or None, chunk=int(chunk), handles=int(handles))

    def told(result) -> None:
        print(result.task.frame, result.status, "|", result.why, "|", "; ".join(result.notes), flush=True)
        if kill_at == str(result.task.frame):
            os.kill(os.getpid(), signal.SIGKILL)

    matting = Matting(info, open_engine(info, "cpu", threads=int(threads)))
    if ":" in kill_at:
        send_twice(matting, *kill_at.split(":"))
    options = RunOptions(existing="resume")
    with stop_on_signals(lambda times: print("asked", times, flush=True)) as stop:
        report = run_plan(matting, plan, options, told, stop=stop)
    print("; ".join(report.remarks), flush=True)
    return report.exit_code


def send_twice(matting: Matting, name: str, call: str, when: str) -> None:
    """Have the process interrupted in the middle of a frame."""
    calls = itertools.count(1)
    for one in {matting, matting.pair() or matting}:
        one.look_at_next = interrupted(one.look_at_next, calls, int(call), when, getattr(signal, name))


def interrupted(run, calls, call: int, when: str, number: int):
    """The same, and the process is sent a signal twice at one of its calls."""

    def look_at_next(*given, **options):
        due = next(calls) == call
        found = None if due and when == "before" else run(*given, **options)
        for _ in range(2 * due):
            os.kill(os.getpid(), number)
        return found

    return look_at_next


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
