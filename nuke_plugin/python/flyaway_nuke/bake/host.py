"""The one session of this Nuke: made when first asked for, moved on by a timer where there is a GUI."""

from __future__ import annotations

import atexit
import os
import re
from pathlib import Path

import nuke

from .errors import BakeError
from .job import Job
from .preferences import read_preferences
from .session import Session

_session: Session | None = None


def session() -> Session:
    """All bakes of this Nuke."""
    global _session
    if _session is None:
        _session = Session(host=host_folder())
        atexit.register(_session.close)
    return _session


def host_folder() -> str:
    """Where Nuke itself is installed."""
    return str(Path(nuke.EXE_PATH).parent)


def carry_out(job: Job) -> None:
    """See a job through: beside the artist's work where there is a GUI, here and now in a terminal."""
    if nuke.GUI:
        from ..panel.pump import start

        start(session())
    else:
        session().run(job)


def bakes_root(setting: str) -> Path:
    """Where bakes go: what the node says, else the preference, else beside the script, else at home.

    Raises
    ------
    BakeError : it names a variable that is not set.
    """
    if setting.strip():
        return _place(setting.strip(), "The node's bakes folder")
    preferred = read_preferences().get("cache", "").strip()
    if preferred:
        return _place(preferred, "The preference cache")
    script = str(nuke.root().name())
    if script and script != "Root":
        # A script that was opened by a relative name.
        return Path(script).absolute().parent / "flyaway"
    return Path.home() / ".flyaway" / "bakes"


def _place(text: str, by: str) -> Path:
    """A folder as a person writes it: `~` and variables mean what they mean in a shell."""
    expanded = os.path.expandvars(text)
    unset = re.search(r"\$\{?(\w+)", expanded)
    if unset:
        raise BakeError(
            f"{by} is {text}, and {unset[1]} is not set: set it before Nuke starts, or write it out."
        )
    return Path(expanded).expanduser().absolute()
