"""Where the commands print: results on stdout, errors and progress on stderr."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

output = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str) -> None:
    """Print one error, red on a terminal, on one line."""
    errors.print(Text(f"error: {' '.join(message.split())}", style="red"))


def say(message: str) -> None:
    """Print one line of results."""
    output.print(Text(message))
