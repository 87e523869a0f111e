"""Where the commands print: results on stdout, errors and progress on stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import unicodedata

from rich.console import Console
from rich.text import Text


class _Console(Console):
    """A console whose reader may go away (`| head -1`): frames matter more than their log."""

    def on_broken_pipe(self) -> None:
        """Print the rest to nowhere, and go on; the exit code still says how the run went."""
        _to_nowhere(1 if self.file is sys.stdout else 2)


output = _Console(highlight=False, soft_wrap=True)
errors = _Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str) -> None:
    """Print one error, red on a terminal, on one line."""
    errors.print(Text(f"error: {harmless(' '.join(message.split()))}", style="red"))


def say(message: str) -> None:
    """Print one line of results."""
    output.print(Text(harmless(message)))


def harmless(text: str) -> str:
    """Text without what a terminal obeys: file names may hold escapes, line breaks and turns of direction."""
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    # Controls (Cc) and directions (Cf) become visible; surrogates are the stream's own business.
    obeyed = unicodedata.category(character) in ("Cc", "Cf") and character not in "\n\t"
    return character.encode("unicode_escape").decode() if obeyed else character


def say_raw(line: str) -> None:
    """Print one line for programs: never wrapped or marked up, and out at once."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _to_nowhere(1)


def tell_now(message: str) -> None:
    """Print a line on stderr from a signal handler, which may have come in the middle of another print."""
    # Past Python's buffers, which refuse to be entered twice; a progress bar's line is wiped first.
    start = "\r\x1b[2K" if errors.is_terminal else ""
    with contextlib.suppress(OSError):
        os.write(2, f"{start}{harmless(message)}\n".encode(errors="backslashreplace"))


def _to_nowhere(descriptor: int) -> None:
    # The descriptor, not the object: what is still in its buffer must go somewhere at exit, too.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
