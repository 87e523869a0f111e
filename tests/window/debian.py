"""Installs Debian 13's Blender (4.3.2, a whole program with a window) in a folder of its own.

``python tests/window/debian.py FOLDER`` needs root, debootstrap and some 2 GB; it takes a few minutes, and
prints the program to start. What is there already is kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

RELEASE = "trixie"
PACKAGES = ("blender", "python3-numpy", "xdotool", "libgl1-mesa-dri", "libegl1")
SHARED = ("/proc", "/dev", "/tmp")  # noqa: S108 (X's socket and key, and the tests' files, lie there)
STARTER = """#!/bin/sh
exec chroot {root} env -C "$PWD" PATH=/usr/bin:/bin HOME=/root blender "$@"
"""


def install(root: Path, shared: list[str]) -> Path:
    """Install it below `root`, with these folders of the machine to be seen inside; returns the program."""
    program = root.with_name(f"{root.name}-blender")
    if not program.exists():
        run("debootstrap", "--variant=minbase", RELEASE, str(root))
        run("chroot", str(root), "apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES)
    for folder in shared:
        inside = root / folder.lstrip("/")
        inside.mkdir(parents=True, exist_ok=True)
        if subprocess.run(["mountpoint", "-q", str(inside)], check=False).returncode:
            run("mount", "--bind", folder, str(inside))
    program.write_text(STARTER.format(root=root))
    program.chmod(0o755)
    return program


def run(*command: str) -> None:
    """One step; what it says goes to stderr."""
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    if shutil.which("debootstrap") is None:
        sys.exit("debootstrap is not here: apt-get install debootstrap")
    checkout = Path(__file__).resolve().parents[2]
    print(install(Path(sys.argv[1]).resolve(), [*SHARED, str(checkout)]))
