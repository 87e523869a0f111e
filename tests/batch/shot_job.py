"""Run by tests in a process of its own: a shot of tiny frames with the real network, which may kill itself.

python shot_job.py MODEL WEIGHTS PLATES OUT KEPT_EVERY KILL_AT [FRAMES CHUNK HANDLES]
"""

import os
import signal
import sys
from pathlib import Path

from flyaway.batch import RunOptions, Target, memory, plan_shot, run_plan
from flyaway.engines import open_engine
from flyaway.matting import Matting
from flyaway.weights import model_info


def main(name: str, weights: str, plates: str, out: str, every: str, kill_at: str, *piece: str) -> int:
    memory.KEPT_EVERY = int(every)
    info = model_info(name, Path(weights))
    frames, chunk, handles = piece or ("", "0", "8")
    plan = plan_shot("shot", plates, [Target(out)], frames or None, chunk=int(chunk), handles=int(handles))

    def told(result) -> None:
        print(result.task.frame, result.status, "|", result.why, "|", "; ".join(result.notes), flush=True)
        if kill_at == str(result.task.frame):
            os.kill(os.getpid(), signal.SIGKILL)

    matting = Matting(info, open_engine(info, "cpu", threads=1))
    return run_plan(matting, plan, RunOptions(existing="resume", refine=False), told).exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
