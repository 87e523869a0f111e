"""Build the release archive: one zip that an artist unpacks onto the Nuke path, with the model inside.

    python nuke_plugin/build.py     # dist/flyaway-nuke-VERSION.zip

The zip holds the plug-in, the TorchScript file of `fast` (exported here, which needs torch), the pages of
docs/nuke, and the licences. The .cat is not in it: only NukeX can make one.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MODEL = "fast"
TOP = "flyaway"  # the one folder that the zip unpacks to
NOT_RELEASED = {"build.py", "icons/make_icons.py"}  # for whoever has a checkout
KINDS = {".py", ".gizmo", ".png", ".json"}
_DATE = (1980, 1, 1, 0, 0, 0)  # the same files make the same archive, but for what torch writes

INSTALL = """\
Flyaway {version} for Nuke 14 to 17

1. Put this folder where your Nuke looks, for one into the folder .nuke of your home.
2. Add one line to the file init.py beside it (make it if there is none):
       nuke.pluginAddPath("./flyaway")
   Or add this folder to NUKE_PATH.
3. Start NukeX, and choose Nodes > Flyaway > Build the live model, once.

Bake runs our own program, on any licence: Nodes > Flyaway > Check set-up says what that needs.
Pages, in the folder docs: live.md, bake.md, farm.md, colour.md, troubleshooting.md. With a licence at hand,
ten minutes of checklist.md help us.

The plug-in is under Apache-2.0, the model under GPL-3.0-or-later: see the folder licences.
selftest.png is a NASA photograph of Eileen Collins, in the public domain.
"""


class BuildError(Exception):
    """The archive cannot be built; the message says what to do."""


def main() -> None:
    """Parse the command line, build, and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="a folder; default: dist")
    out = parser.parse_args().out
    try:
        path = build(out)
    except (BuildError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


def build(out: Path) -> Path:
    """Write the archive into `out`, and return its path."""
    number = version()
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"flyaway-nuke-{number}.zip"
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        model = export(Path(scratch) / f"flyaway_{MODEL}.pt")
        part = Path(scratch) / target.name
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, source in sorted(contents(model).items()):
                _add(archive, name, source.read_bytes())
            _add(archive, "INSTALL.txt", INSTALL.format(version=number).encode())
        part.replace(target)
    return target


def contents(model: Path) -> dict[str, Path]:
    """Every file of the archive but INSTALL.txt: name below the top folder → where it lies here."""
    found = {path.relative_to(HERE).as_posix(): path for path in HERE.rglob("*") if path.suffix in KINDS}
    files = {name: path for name, path in found.items() if name not in NOT_RELEASED}
    files[f"Cattery/Flyaway/{model.name}"] = model
    files["selftest.png"] = ROOT / "examples" / "astronaut.png"
    docs = ROOT / "docs" / "nuke"
    for path in (*docs.glob("*.md"), *docs.glob("images/*.png")):
        files[f"docs/{path.relative_to(docs).as_posix()}"] = path
    files["licences/plug-in-Apache-2.0.txt"] = ROOT / "LICENSE"
    files["licences/GPL-3.0-or-later.txt"] = ROOT / "LICENSES" / "GPL-3.0-or-later.txt"
    files[f"licences/model-{MODEL}.md"] = ROOT / "models" / "cards" / f"{MODEL}.md"
    return files


def export(path: Path) -> Path:
    """The TorchScript file, by this checkout's own command line."""
    paths = [str(ROOT / "core"), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "flyaway", "export", "nuke", "--model", MODEL, "-o", str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not path.is_file():
        raise BuildError(f"flyaway export nuke failed:\n{done.stdout}{done.stderr}")
    return path


def version() -> str:
    """The core's: plug-in and core are released together."""
    text = (ROOT / "core" / "flyaway" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise BuildError("core/flyaway/__init__.py names no __version__: is this a whole checkout?")
    return found[1]


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(f"{TOP}/{name}", _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16  # readable by everyone on a farm's share
    archive.writestr(entry, data)


if __name__ == "__main__":
    main()
