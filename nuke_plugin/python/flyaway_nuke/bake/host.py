"""The one session of this Nuke: made when first asked for, moved on by a timer where there is a GUI."""

from __future__ import annotations

import atexit
from pathlib import Path

import nuke

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
    """Where bakes go: what the node says, else the preference, else beside the script, else at home."""
    if setting.strip():
        return Path(setting.strip())
    preferred = read_preferences().get("cache", "")
    if preferred:
        return Path(preferred)
    script = str(nuke.root().name())
    if script and script != "Root":
        return Path(script).parent / "flyaway"
    return Path.home() / ".flyaway" / "bakes"
