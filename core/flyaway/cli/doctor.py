"""`flyaway doctor`: what is installed, what works, and how fast."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from flyaway.batch.report import ExitCode
from flyaway.cli.console import fail, say
from flyaway.doctor import DeviceCheck, advice, check_devices, check_weights, installed
from flyaway.errors import FlyawayError
from flyaway.matting import DEFAULT_MODEL
from flyaway.weights import check_model


def doctor(
    model: Annotated[str, typer.Option(help="Which weights to run.")] = DEFAULT_MODEL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="List the devices without running a frame.")] = False,
) -> int:
    """Print what is installed, check the weights, and run a real HD frame on every device.

    Exit code: 0 if the model is there, the weights are whole and at least one device works, else 1.
    """
    packages, weights = installed(), check_weights()
    absent = _why_absent(model)
    devices = check_devices(model, run=not quick and not absent)
    advised = advice(devices, packages)
    works = any(not check.problem for check in devices)
    if as_json:
        # print, not the console: nothing may be wrapped or marked up.
        document = {"packages": packages, "weights": weights, "devices": [asdict(check) for check in devices]}
        document |= {"advice": advised, "model": model, "problem": absent}
        print(json.dumps(document))
    else:
        _tell(packages, weights, devices)
        for line in advised:
            say(line)
        if absent:
            fail(absent)
        elif not works:
            fail("no device works: pip install onnxruntime, or onnxruntime-gpu for an NVIDIA GPU.")
    return ExitCode.OK if works and not absent and not any(weights.values()) else ExitCode.USAGE


def _why_absent(model: str) -> str:
    """Why there is no such model here, or "": then no device is to blame."""
    try:
        check_model(model)
    except FlyawayError as error:
        return str(error)
    return ""


def _tell(packages: dict[str, str], weights: dict[str, str], devices: list[DeviceCheck]) -> None:
    for name, found in packages.items():
        say(f"{name:16} {found or '-'}")
    for name, problem in weights.items():
        say(f"weights {name:8} {'whole' if not problem else 'BROKEN'}")
        if problem:
            fail(problem)
    for check in devices:
        where = f"{check.engine} on {check.device}" if check.device else check.engine
        if check.problem:
            fail(f"{where} does not work: {check.problem}")
        elif check.milliseconds is None:
            say(f"{where}: there, not tried")
        else:
            share = f"{check.refined:.1%} of its cells refined"
            say(f"{where}: {check.milliseconds:.0f} ms for a 1920x1080 frame, {share}")
