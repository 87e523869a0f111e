"""The add-on in a real window of Blender, used by mouse and keyboard under Xvfb.

`FLYAWAY_TEST_WINDOW` is a Blender program of 4.2 to 4.5, `FLYAWAY_TEST_ZIP` the extension; `nox -s
blender-window` finds or installs the one and makes the other.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

DRIVER = Path(__file__).with_name("drive.py")
ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.png"
COUNT, SIZE = 12, 384


@pytest.fixture(scope="session")
def program() -> str:
    """Blender, with a window."""
    path = os.environ.get("FLYAWAY_TEST_WINDOW")
    if not path:
        pytest.skip("no Blender with a window: run nox -s blender-window, or set FLYAWAY_TEST_WINDOW")
    for needed in ("xvfb-run", "xdotool"):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not here")
    return path


@pytest.fixture(scope="session")
def facts(program: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One long sitting, and what was seen in it."""
    folder = tmp_path_factory.mktemp("window")
    plate = oiio.ImageBuf(str(ASTRONAUT))
    for number in range(1, COUNT + 1):  # the head moves to the left, so that no two frames are alike
        part = oiio.ROI(4 * number, 4 * number + SIZE, 0, SIZE)
        cut = np.ascontiguousarray(plate.get_pixels(oiio.UINT8, part)[..., :3])
        oiio.ImageBuf(cut).write(str(folder / f"plate.{number:04d}.png"))
    task = {
        "zip": os.environ["FLYAWAY_TEST_ZIP"],
        "plate": str(folder / "plate.0001.png"),
        "folder": str(folder),
        "count": COUNT,
        "size": SIZE,
    }
    screen = ("xvfb-run", "-a", "-s", "-screen 0 1600x900x24")
    command = (program, "--factory-startup", "--window-geometry", "0", "0", "1600", "900")
    done = subprocess.run(
        [*screen, *command, "--python", str(DRIVER), "--", json.dumps(task)],
        env=os.environ | {"BLENDER_USER_RESOURCES": str(folder / "user")},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    output = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    assert (folder / "facts.json").exists(), output
    answer: dict[str, Any] = json.loads((folder / "facts.json").read_text("utf-8"))
    assert "error" not in answer, f"{answer}\n{output}"
    assert answer["last"] == "done", f"{answer}\n{output}"
    assert "Traceback" not in done.stderr + done.stdout, output
    return answer


def test_f12_mattes(facts: dict[str, Any]) -> None:
    assert facts["before"] == "idle"
    assert facts["rendered"] == "matted"


def test_a_press_on_the_node_analyses_this_frame(facts: dict[str, Any]) -> None:
    assert facts["frame"] == ["1-1", 1]


def test_escape_ends_a_range_and_keeps_what_is_done(facts: dict[str, Any]) -> None:
    assert facts["analysing"].startswith("Portrait Matte: analysing ")
    assert facts["ticks"] >= 4, "the window stands still while frames are analysed"
    kind, frames = facts["escaped"]
    assert kind == "cached"
    assert 1 < frames < COUNT


def test_the_stop_button_ends_it_too(facts: dict[str, Any]) -> None:
    kind, frames = facts["stopped"]
    assert kind == "cached"
    assert facts["escaped"][1] < frames < COUNT


def test_undo_ends_it_and_the_node_is_alive(facts: dict[str, Any]) -> None:
    kind, is_matte = facts["undone"]
    assert kind == "cached"
    assert is_matte


def test_the_range_to_its_end_and_the_bin(facts: dict[str, Any]) -> None:
    assert facts["all"] == [f"1-{COUNT}", f"Portrait Matte: cached 1-{COUNT}"]
    assert facts["cleared"] == 0


def test_a_failure_is_on_the_node(facts: dict[str, Any]) -> None:
    text, label, red = facts["failed"]
    assert "none such" in text
    assert label == "Portrait Matte: failed"
    assert red


def test_a_retimed_strip_is_refused(facts: dict[str, Any]) -> None:
    length, refusal, made = facts["retimed"]
    assert length > COUNT
    assert "matte it as it was shot" in refusal
    assert made == 0


def test_many_nodes_and_switching_off_and_on(facts: dict[str, Any]) -> None:
    assert facts["many"] > 0
    assert facts["again"]
