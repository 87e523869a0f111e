"""Build all that is released, with one command: wheels, Blender extensions, Nuke plug-in, checksums, a page.

    python release.py                        # everything into dist/; needs bpy and torch beside Flyaway
    python release.py --blender FOLDER       # a Blender of 4.2 or later instead of bpy
    python release.py --only wheel --only nuke

`nox -s release` does it in an environment of its own. Everything is built in a folder beside the target and
moved there when all of it is whole, so what lies in the target is always one release.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SUMS, PAGE = "SHA256SUMS", "INSTALL.md"


class ReleaseError(Exception):
    """The release cannot be built; the message says which part, and why."""


@dataclass(frozen=True)
class Part:
    """Something to install.

    Attributes
    ----------
    pattern : of its file names.
    what : what it is, in words.
    needs : what a machine must have.
    steps : how it is installed, with NAME for the file.
    """

    pattern: str
    what: str
    needs: str
    steps: str


PARTS = {
    "wheel": Part(
        "flyaway-*.whl",
        "the command line and the Python package, with the current models",
        "Python 3.11 or later; Linux, macOS or Windows. pip brings numpy, OpenImageIO and onnxruntime,"
        " from the network or from a folder of wheels (`--no-index --find-links FOLDER`)",
        "`python3 -m venv flyaway && flyaway/bin/pip install './NAME[cpu,movie]'`, then `flyaway/bin/flyaway"
        " doctor`. `cuda` instead of `cpu` for an NVIDIA card; without `movie` no mp4, mov or mxf",
    ),
    "earlier": Part(
        "flyaway_earlier_weights-*.whl",
        "weights that came before (`fast@5`), for shows that were begun with them",
        "the wheel above, of the same number",
        "`flyaway/bin/pip install ./NAME`, then `flyaway/bin/flyaway models`",
    ),
    "earlier-torch": Part(
        "flyaway_earlier_torch_weights-*.whl",
        "torch's copies of these, for `--engine torch` with them and to build Nuke's live model from one",
        "the two wheels above, of the same number",
        "`flyaway/bin/pip install ./NAME`",
    ),
    "blender": Part(
        "flyaway-*.zip",
        "the Blender extension, with the model `fast` and all it needs",
        "Blender 4.2, 4.5, 5.0 or 5.2 on the system that the name says; no network",
        "in Blender, *Edit > Preferences > Get Extensions*, the arrow at the top right, *Install from Disk…*;"
        " then the page docs/blender/first-matte.md",
    ),
    "nuke": Part(
        "flyaway-nuke-*.zip",
        "the Nuke plug-in, with the model `fast` for the live node",
        "Nuke 14 to 17; NukeX once, to build the live model; for the bake node the wheel above on the same"
        " machine",
        'unpack it into `~/.nuke`, add `nuke.pluginAddPath("./flyaway")` to the `init.py` there; INSTALL.txt'
        " inside says the rest",
    ),
}
_WHEELS = {"wheel": ".", "earlier": "models", "earlier-torch": "models/torch_copies"}
_BUILDERS = {"blender": "blender_addon/build.py", "nuke": "nuke_plugin/build.py"}


def main() -> None:
    """Parse the command line, build, and print the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="a folder; default: dist")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; default: all")
    parser.add_argument(
        "--blender", type=Path, help="a folder with Blender's or bpy's files; default: bpy here"
    )
    parser.add_argument("--platform", action="append", help="of Blender, as in wheels.toml; default: all")
    options = parser.parse_args()
    try:
        out = build(options.out, options.only or list(PARTS), options.blender, options.platform or ())
    except (ReleaseError, OSError) as error:
        sys.exit(f"error: {error}")
    print((out / PAGE).read_text("utf-8"))


def build(
    out: Path, parts: Sequence[str], blender: Path | None = None, platforms: Sequence[str] = ()
) -> Path:
    """Build the parts into `out`, with their checksums and a page, and return it.

    Parameters
    ----------
    out : made if it is not there. Earlier files of the same kinds are replaced; nothing else is touched.
    parts : of `PARTS`.
    blender : a folder with Blender's files, where no `bpy` is installed.
    platforms : of Blender; all where empty.

    Raises
    ------
    ReleaseError : a part could not be built; `out` is as it was.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".release-") as scratch:
        built = Path(scratch)
        for part in parts:
            _build_part(part, built, blender, platforms)
        files = sorted(path for path in built.iterdir() if path.is_file())
        (built / PAGE).write_text(page(files), "utf-8")
        listed = [*files, built / PAGE]
        (built / SUMS).write_text("".join(f"{digest(path)}  {path.name}\n" for path in listed), "utf-8")
        for old in {old for part in PARTS.values() for old in out.glob(part.pattern)}:
            old.unlink()
        for path in (*listed, built / SUMS):
            path.replace(out / path.name)
    return out


def page(files: Sequence[Path]) -> str:
    """What each file is, what it needs, and how it is installed."""
    lines = [f"# Flyaway {version()}: what to install", ""]
    for name, part in PARTS.items():
        found = [path for path in files if kind_of(path.name) == name]
        if not found:
            continue
        lines += [f"## {part.what[0].upper()}{part.what[1:]}", "", "| file | MB |", "|---|---:|"]
        lines += [f"| {path.name} | {path.stat().st_size / 1e6:.1f} |" for path in found]
        steps = part.steps.replace("NAME", found[0].name)
        lines += ["", f"Needs: {part.needs}.", "", f"Install: {steps}.", ""]
    lines += [
        f"`sha256sum -c {SUMS}` in this folder says whether all of it arrived whole.",
        "",
        "Code and the model `clean`: Apache-2.0. Blender extension, `fast`, `quality`: GPL-3.0-or-later.",
        "Mattes belong to whoever makes them.",
    ]
    return "\n".join(lines) + "\n"


def kind_of(name: str) -> str | None:
    """Which part a file is of."""
    if name.endswith(".whl"):
        kinds = {"flyaway_earlier_weights": "earlier", "flyaway_earlier_torch_weights": "earlier-torch"}
        return kinds.get(name.partition("-")[0], "wheel")
    if name.endswith(".zip"):
        return "nuke" if name.startswith("flyaway-nuke-") else "blender"
    return None


def digest(path: Path) -> str:
    """A file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version() -> str:
    """The core's; the wheel and both plug-ins are released together, under one number."""
    text = (ROOT / "core" / "flyaway" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise ReleaseError("core/flyaway/__init__.py names no __version__: is this a whole checkout?")
    return found[1]


def _build_part(part: str, out: Path, blender: Path | None, platforms: Sequence[str]) -> None:
    if part in _WHEELS:
        command = [
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            f"--wheel-dir={out}",
            str(ROOT / _WHEELS[part]),
        ]
    else:
        command = [str(ROOT / _BUILDERS[part]), f"--out={out}"]
    if part == "blender":
        command += [f"--platform={name}" for name in platforms]
        command += [f"--blender={blender}"] if blender else []
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"the {part} part: {(done.stderr or done.stdout).strip()}")
    for folder in [path for path in out.iterdir() if path.is_dir()]:
        shutil.rmtree(folder)
    if not any(kind_of(path.name) == part for path in out.iterdir()):
        raise ReleaseError(f"the {part} part: its builder left no file.")


if __name__ == "__main__":
    main()
