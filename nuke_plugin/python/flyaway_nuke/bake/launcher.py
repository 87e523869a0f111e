"""Find our command line in an environment of its own.

Nothing is ever installed into Nuke's Python: the net, onnxruntime and OpenImageIO live in a virtual
environment beside it, and Nuke starts them as a program.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LauncherError
from .preferences import preferences_path, read_preferences

# What a host sets for itself, and what breaks another Python.
_HOST_VARIABLES = (
    "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "PYTHONNOUSERSITE", "PYTHONPLATLIBDIR",
    "__PYVENV_LAUNCHER__", "QT_PLUGIN_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH", "QML2_IMPORT_PATH",
)  # fmt: skip
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "LD_PRELOAD")


@dataclass(frozen=True)
class Cli:
    """How to start our command line, and who said so."""

    command: tuple[str, ...]
    found_by: str

    def __str__(self) -> str:
        return " ".join(self.command)


def find_cli(environ: Mapping[str, str] = os.environ, preferences: Mapping[str, str] | None = None) -> Cli:
    """Our command line: FLYAWAY_CLI, else the preference, else what PATH has, else the usual place.

    What is named must be there: a FLYAWAY_CLI that leads nowhere is an error, not a reason to look on.

    Raises
    ------
    LauncherError : nothing was found; the message says where was looked.
    """
    preferences = read_preferences(environ) if preferences is None else preferences
    for setting, by in (
        (environ.get("FLYAWAY_CLI", ""), "FLYAWAY_CLI"),
        (preferences.get("cli", ""), f"the preference in {preferences_path(environ)}"),
    ):
        if setting.strip():
            return Cli(_command(setting.strip(), by, environ), by)
    on_path = shutil.which("flyaway", path=environ.get("PATH", ""))
    if on_path:
        return Cli((on_path,), "PATH")
    usual = _in_environment(usual_environment(environ))
    if usual is not None:
        return Cli((str(usual),), "its usual place")
    raise LauncherError(
        "The flyaway program was not found: FLYAWAY_CLI is not set, no preference names it, it is not on PATH"
        f" and not in {usual_environment(environ)}."
    )


def usual_environment(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the install instructions put our environment."""
    home = environ.get("USERPROFILE" if os.name == "nt" else "HOME", "")
    return (Path(home) if home else Path.home()) / ".flyaway" / "env"


def install_commands(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str:
    """What to type once to make the environment, on this operating system."""
    env = usual_environment(environ)
    if platform == "win32":
        return f'py -3.11 -m venv "{env}"\n"{env}\\Scripts\\pip" install "{package()}[cpu]"'
    return f'python3 -m venv "{env}"\n"{env}/bin/pip" install "{package()}[cpu]"'


def package(plugin: Path | None = None) -> str:
    """What pip is to install: no package index has our program, so the place that this plug-in came from.

    Parameters
    ----------
    plugin : the plug-in's folder, by default this one's: a wheel may lie in it; in a checkout the
        program lies beside it.
    """
    plugin = plugin or Path(__file__).resolve().parents[3]
    wheels = sorted(plugin.glob("flyaway-*.whl"))
    if wheels:
        return str(wheels[-1])
    if (plugin.parent / "pyproject.toml").is_file() and (plugin.parent / "core" / "flyaway").is_dir():
        return str(plugin.parent)
    return "flyaway-VERSION-py3-none-any.whl"  # of the release that this plug-in came from


def clean_environment(environ: Mapping[str, str], host: str | None = None) -> dict[str, str]:
    """An environment for our program: the user's, without what the host set for its own Python and Qt.

    Parameters
    ----------
    environ : the host's.
    host : the folder of the host application; library paths below it are taken out.
    """
    kept = {key: value for key, value in environ.items() if key.upper() not in _HOST_VARIABLES}
    for name in _LIBRARY_PATHS:
        if name in kept and host:
            parts = [part for part in kept[name].split(os.pathsep) if part and not _below(part, host)]
            if parts:
                kept[name] = os.pathsep.join(parts)
            else:
                del kept[name]
    kept.update(PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8:backslashreplace", NO_COLOR="1")
    return kept


def creation_flags() -> int:
    """What keeps Windows from opening a console for our program; nothing elsewhere."""
    return 0x08000000 if os.name == "nt" else 0


def _command(setting: str, by: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """A program, a Python, an environment's folder, or a command line, as arguments."""
    path = Path(setting).expanduser()
    if path.is_dir():
        inside = _in_environment(path)
        if inside is None:
            raise LauncherError(f"{by} names the folder {path}, which holds no flyaway environment.")
        return (str(inside),)
    if path.is_file():
        if path.name.lower().startswith("python"):
            return (str(path), "-m", "flyaway")
        return (str(path),)
    try:
        parts = [part.strip('"') for part in shlex.split(setting, posix=os.name != "nt")]
    except ValueError as error:
        raise LauncherError(
            f"{by} names {setting}, which is no file, and cannot be read as a command line ({error}). Name a"
            " program that is there; in a command line, a path with spaces or quotes goes in double quotes."
        ) from error
    program = shutil.which(parts[0], path=environ.get("PATH", "")) if parts else None
    if program is None:
        raise LauncherError(f"{by} names {setting}, which is not there.")
    return (program, *parts[1:])


def _in_environment(folder: Path) -> Path | None:
    """The flyaway program in a virtual environment."""
    places = ("Scripts/flyaway.exe", "bin/flyaway") if os.name == "nt" else ("bin/flyaway",)
    return next((folder / place for place in places if (folder / place).is_file()), None)


def _below(path: str, folder: str) -> bool:
    path, folder = (os.path.normcase(str(Path(part).absolute())) for part in (path, folder))
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
