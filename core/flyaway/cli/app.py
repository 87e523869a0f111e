"""All commands in one app, and the one place where errors become a line on stderr and an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper
from types import FrameType
from typing import Annotated, Any

import typer

from flyaway import BusyError, FlyawayError, __version__
from flyaway.batch.report import ExitCode, lacks_memory
from flyaway.cli import doctor, matte, models
from flyaway.cli.console import fail, say
from flyaway.cli.help import SETTINGS, Group, explain
from flyaway.cli.parent import end_with_stdin

app = typer.Typer(
    name="flyaway",
    help="Portrait matting: a person's alpha, down to the flyaway hairs.",
    no_args_is_help=True,
    cls=Group,
    context_settings=SETTINGS,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("matte")(matte.matte)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)
for _name in ("batch", "farm", "evaluate", "bench", "export", "blender_render", "movie", "review"):
    # Found, not imported by name: these rooms may be left out of an installation.
    if find_spec(f"flyaway.cli.{_name}") is not None:
        import_module(f"flyaway.cli.{_name}").register(app)
explain(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"flyaway {__version__}")
        raise typer.Exit(ExitCode.OK)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; allowed anywhere.")
    ] = False,
) -> None:
    """Portrait matting: a person's alpha, down to the flyaway hairs."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the process's exit code (see `flyaway.batch.ExitCode`)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A file name or a terminal that is not UTF-8 must not end a run.
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _interrupt)
    # Typed wherever it comes to mind, before or after the command.
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        end_with_stdin()
        code = app(args=arguments, prog_name="flyaway", standalone_mode=False)
    except KeyboardInterrupt:
        fail("interrupted.")
        return ExitCode.INTERRUPTED
    except FlyawayError as error:
        if debug:
            raise
        fail(str(error))
        return _code_of(error)
    except MemoryError as error:
        if debug:
            raise
        fail(f"not enough memory. {error}")
        return ExitCode.OUT_OF_MEMORY
    except Exception as error:
        if debug:
            raise
        return _unexpected(error)
    return int(code or ExitCode.OK)


def _code_of(error: FlyawayError) -> ExitCode:
    if isinstance(error, BusyError):
        return ExitCode.BUSY
    # Frames that fail are in a run's report; what comes here is that nothing was made.
    return ExitCode.OUT_OF_MEMORY if lacks_memory(error) else ExitCode.USAGE


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _unexpected(error: Exception) -> int:
    """A usage error of the command line's library, or a fault of ours."""
    # typer brings click along, or its own copy of it: the class to catch depends on its version.
    message = getattr(error, "format_message", None)
    if callable(message):
        context: Any = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":
            say(message())
            return ExitCode.USAGE
        command = context.command_path if context is not None else "flyaway"
        # What checks values puts the kind of its own exception before some of its sentences.
        reason = message().replace("Value error, ", "")
        hint = " A sequence is one pattern in quotes: 'plate.####.exr'." if "extra arg" in reason else ""
        fail(f"{reason}{hint} Try: {command} --help")
        return ExitCode.USAGE
    if lacks_memory(error):
        fail(f"not enough memory ({error}).")
        return ExitCode.OUT_OF_MEMORY
    if isinstance(error, PermissionError) and error.filename:
        fail(f"{error.filename}: {error.strerror}. Its owner can let you, or name another.")
        return ExitCode.USAGE
    fail(f"{type(error).__name__}: {error} (a fault of flyaway: run again with --debug, and report it)")
    return ExitCode.USAGE
