"""Build the extension: one zip a platform that installs without a network.

    python blender_addon/build.py                       # all platforms
    python blender_addon/build.py --platform linux-x64  # one

Each zip holds the add-on, our own wheel with the weights of `fast` (the current version, and no files for
torch), and the onnxruntime wheels that `wheels.toml` pins by hash. Blender's own tool (`blender_ext.py`,
found in the `bpy` package or in a Blender's folder) validates and builds them. Needs pip, and `bpy` or a
Blender of 4.2 or later.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PACKAGE = HERE / "flyaway_blender"
WEIGHTS = "fast"
MOST_MEGABYTES = 120
THIS = "this"
WHEEL_NAME = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)-cp(?P<python>\d+)-(?P<abi>[^-]+)-(?P<tags>.+)\.whl"
)


class BuildError(Exception):
    """The extension cannot be built as asked; the message says what to do."""


def main() -> None:
    """Parse the command line, build, and print what came of it."""
    options = _parse_arguments()
    try:
        platforms = [this_platform() if name == THIS else name for name in options.platform or ()]
        zips = build(platforms, options.out, options.wheelhouse, find_tool(options.blender))
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")
    print("| zip | MB |\n|---|---:|")
    for path in zips:
        print(f"| {path.name} | {path.stat().st_size / 1e6:.1f} |")


def build(platforms: Sequence[str], out: Path, wheelhouse: Path, tool: Path) -> list[Path]:
    """Build a zip for each platform into `out`, and return their paths.

    Parameters
    ----------
    platforms : names of Blender's platforms, as in wheels.toml; all where empty.
    out : where the zips go; made if it is not there.
    wheelhouse : where downloaded wheels are kept for the next time.
    tool : Blender's `blender_ext.py`.
    """
    known = tomllib.loads((HERE / "wheels.toml").read_text("utf-8"))
    unknown = [name for name in platforms if name not in known]
    if unknown:
        raise BuildError(f"wheels.toml has nothing for {', '.join(unknown)}: there is no onnxruntime for it.")
    chosen = {name: known[name] for name in platforms or known}
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        stage = Path(scratch, "stage")
        shutil.copytree(PACKAGE, stage, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        wheels = stage / "wheels"
        wheels.mkdir()
        own = own_wheel(Path(scratch))
        shutil.copy(own, wheels)
        for pinned in chosen.values():
            for name, sha256 in pinned.items():
                shutil.copy(fetch(name, sha256, wheelhouse), wheels)
        _copy_licences(stage)
        manifest = stage / "blender_manifest.toml"
        manifest.write_text(
            complete_manifest(manifest.read_text("utf-8"), chosen, wheels, own.name.split("-")[1]), "utf-8"
        )
        built = Path(scratch, "built")
        built.mkdir()
        _run_tool(tool, "validate", str(stage))
        _run_tool(tool, "build", "--split-platforms", f"--source-dir={stage}", f"--output-dir={built}")
        zips = sorted(built.glob("*.zip"))
        for path in zips:
            _run_tool(tool, "validate", str(path))
            _check_size(path)
        return [Path(shutil.copy(path, out / path.name)) for path in zips]


def this_platform() -> str:
    """Blender's name for the machine at hand."""
    system = {"darwin": "macos"}.get(platform.system().lower(), platform.system().lower())
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}
    return f"{system}-{machine.get(platform.machine().lower(), platform.machine().lower())}"


def complete_manifest(text: str, pinned: Mapping[str, Mapping[str, str]], wheels: Path, version: str) -> str:
    """The add-on's manifest with the lines that only a build knows: platforms and wheels."""
    manifest = tomllib.loads(text)
    if manifest["version"] != version:
        raise BuildError(
            f"blender_manifest.toml says version {manifest['version']}, the core {version}: make them one."
        )
    generated = {
        "platforms": list(pinned),
        "wheels": [f"./wheels/{path.name}" for path in sorted(wheels.iterdir())],
    }
    twice = generated.keys() & manifest.keys()
    if twice:
        raise BuildError(f"blender_manifest.toml must not set {', '.join(sorted(twice))}: build.py does.")
    # Before the first table: after it, these would belong to that table. A JSON list of strings is TOML.
    head, bracket, tail = text.partition("\n[")
    lines = "".join(f"{key} = {json.dumps(value, indent=2)}\n" for key, value in generated.items())
    return f"{head}\n{lines}{bracket}{tail}"


def own_wheel(scratch: Path) -> Path:
    """Our wheel with one model, of which the graphs that onnxruntime runs; others are loaded from a path.

    Earlier versions of the weights stay out: a zip has to be small.
    """
    source = scratch / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("core", "LICENSES", "models/cards"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    weights = source / "models" / "weights"
    weights.mkdir(parents=True)
    manifest = json.loads((ROOT / "models/weights/manifest.json").read_text("utf-8"))
    model = manifest["models"][WEIGHTS]
    model["files"] = {role: file for role, file in model["files"].items() if file["path"].endswith(".onnx")}
    for file in model["files"].values():
        target = weights / file["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "models/weights" / file["path"], target)
    kept = {key: value for key, value in manifest.items() if key != "earlier"}
    (weights / "manifest.json").write_text(json.dumps(kept | {"models": {WEIGHTS: model}}, indent=1), "utf-8")
    _pip("wheel", "--no-deps", f"--wheel-dir={scratch}", str(source))
    return next(scratch.glob("flyaway-*.whl"))


def fetch(name: str, sha256: str, wheelhouse: Path) -> Path:
    """The wheel of that file name, from the wheelhouse or the package index; nothing but the pinned bytes."""
    path = wheelhouse / name
    if not path.is_file():
        wheelhouse.mkdir(parents=True, exist_ok=True)
        parts = WHEEL_NAME.fullmatch(name)
        if parts is None:
            raise BuildError(f"{name} in wheels.toml is no file name of a compiled wheel.")
        platforms = [f"--platform={tag}" for tag in parts["tags"].split(".")]
        _pip(
            "download", "--no-deps", "--only-binary=:all:", f"--dest={wheelhouse}",
            f"--python-version={parts['python']}", f"--abi={parts['abi']}", *platforms,
            f"{parts['name']}=={parts['version']}",
        )  # fmt: skip
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise BuildError(f"{path} has SHA-256 {found}, not the one in wheels.toml: delete it and try again.")
    return path


def find_tool(blender: Path | None) -> Path:
    """Blender's `blender_ext.py`: below a folder of Blender, or in the installed `bpy`."""
    if blender is None:
        spec = find_spec("bpy")
        if spec is None or spec.origin is None:
            raise BuildError("No bpy is installed here: pip install bpy, or --blender FOLDER (4.2 or later).")
        blender = Path(spec.origin).parent
    found = sorted(blender.glob("**/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise BuildError(
            f"{blender} holds no bl_pkg/cli/blender_ext.py: name the folder of a Blender 4.2 or later."
        )
    return found[-1]


def _run_tool(tool: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, str(tool), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"blender_ext.py {arguments[0]} refuses:\n{done.stdout}{done.stderr}")


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


def _copy_licences(stage: Path) -> None:
    """Add-on and weights are GPL-3.0-or-later, the core is Apache-2.0; onnxruntime's wheels bring theirs."""
    shutil.copy(ROOT / "LICENSES" / "GPL-3.0-or-later.txt", stage / "LICENSE")
    folder = stage / "licences"
    folder.mkdir()
    shutil.copy(ROOT / "LICENSE", folder / "flyaway-core-Apache-2.0.txt")
    shutil.copy(ROOT / "models" / "cards" / f"{WEIGHTS}.md", folder / f"weights-{WEIGHTS}.md")


def _check_size(path: Path) -> None:
    megabytes = path.stat().st_size / 1e6
    if megabytes > MOST_MEGABYTES:
        raise BuildError(
            f"{path.name} has {megabytes:.0f} MB; {MOST_MEGABYTES} is the most we ask anyone to load."
        )


def _parse_arguments() -> argparse.Namespace:
    platforms = tuple(tomllib.loads((HERE / "wheels.toml").read_text("utf-8")))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--platform", action="append", choices=(*platforms, THIS), help="default: all")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--wheelhouse", type=Path, default=ROOT / "build" / "wheelhouse")
    parser.add_argument(
        "--blender", type=Path, help="a folder with Blender's or bpy's files; default: bpy here"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
