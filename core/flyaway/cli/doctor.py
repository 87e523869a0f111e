"""`flyaway doctor`: what is installed, what works, and how fast."""

from __future__ import annotations

from typing import Annotated

import typer

from flyaway.cli.console import fail, say
from flyaway.doctor import check_devices, check_weights, installed
from flyaway.matting import DEFAULT_MODEL
from flyaway.sequence import ExitCode


def doctor(model: Annotated[str, typer.Option(help="Which weights to run.")] = DEFAULT_MODEL) -> int:
    """Print what is installed, check the weights, and run a real HD frame on every device.

    Exit code: 0 if the weights are whole and at least one device works, else 1.
    """
    for name, found in installed().items():
        say(f"{name:16} {found or '-'}")
    weights = check_weights()
    for name, problem in weights.items():
        say(f"weights {name:8} {'whole' if not problem else 'BROKEN'}")
        if problem:
            fail(problem)
    devices = check_devices(model)
    for check in devices:
        where = f"{check.engine} on {check.device}" if check.device else check.engine
        if check.milliseconds is None:
            fail(f"{where} does not work: {check.problem}")
        else:
            share = f"{check.refined:.1%} of its cells refined"
            say(f"{where}: {check.milliseconds:.0f} ms for a 1920x1080 frame, {share}")
    works = any(check.milliseconds is not None for check in devices)
    if not works:
        fail("no device works. Install flyaway[cpu], or flyaway[cuda] for an NVIDIA GPU.")
    return ExitCode.OK if works and not any(weights.values()) else ExitCode.USAGE
