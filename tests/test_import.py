"""`import flyaway` is quick and light: hosts import it where nothing heavy is wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import flyaway

HEAVY = {"numpy", "onnxruntime", "torch", "OpenImageIO", "fileseq", "typer", "rich", "scipy"}


def loaded_by(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `code`."""
    report = "import sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_import_touches_nothing_heavy():
    assert not loaded_by("import flyaway") & HEAVY


def test_loading_and_matting_touch_nothing_but_numpy_and_onnxruntime():
    code = (
        "import numpy, flyaway\n"
        "flyaway.load('fast', device='cpu')(numpy.zeros((64, 64, 3), numpy.uint8), encoding='srgb')"
    )
    loaded = loaded_by(code)
    assert {"numpy", "onnxruntime"} <= loaded
    assert not loaded & (HEAVY - {"numpy", "onnxruntime"})


def test_controls_and_the_choice_of_a_person_touch_numpy_alone():
    code = (
        "import numpy\n"
        "from flyaway.controls import Controls, apply\n"
        "from flyaway.subject import Subject, alone\n"
        "alpha = numpy.zeros((64, 64), numpy.float32)\n"
        "alpha[20:40, 20:40] = 1\n"
        "apply(alone(alpha, Subject.parse('largest')), Controls(grow=1, soften=1, fill_holes=5))"
    )
    assert loaded_by(code) & HEAVY == {"numpy"}


@pytest.mark.skipif(
    "FLYAWAY_TEST_INSTALLED" not in os.environ, reason="for nox: elsewhere a checkout is fine"
)
def test_the_tests_see_the_installed_package():
    assert "site-packages" in Path(flyaway.__file__).parts
    assert (Path(flyaway.__file__).parent / "_models" / "weights" / "manifest.json").is_file()


@pytest.mark.parametrize("name", flyaway.__all__)
def test_every_public_name_is_there(name):
    assert getattr(flyaway, name) is not None
    assert name in dir(flyaway)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = flyaway.nonsense
