"""The command line: `flyaway COMMAND`. One thin file a command; `main` is the door."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line and exit with its code."""
    signal.signal(signal.SIGINT, _too_early)
    try:
        from flyaway.cli.app import run
    except ModuleNotFoundError as error:
        # A bare install (numpy and onnxruntime alone) has the API but not what the command line needs.
        if (error.name or "").split(".")[0] == "flyaway":
            raise
        sys.exit(
            f"error: {error.name} is not installed, but the command line needs it:"
            " pip install OpenImageIO fileseq typer rich"
        )
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def _too_early(_number: int, _frame: FrameType | None) -> None:
    """Ctrl-C while libraries load: nothing is begun yet, and some of them turn it into errors of theirs."""
    os.write(2, b"error: interrupted.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
