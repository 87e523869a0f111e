"""The command line: `flyaway COMMAND`. One thin file a command; `main` is the door."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from flyaway.cli.app import run
    except ModuleNotFoundError as error:
        # A bare install (numpy and onnxruntime alone) has the API but not what the command line needs.
        if (error.name or "").split(".")[0] == "flyaway":
            raise
        sys.exit(f"error: {error.name} is not installed, but the command line needs it: pip install flyaway")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
