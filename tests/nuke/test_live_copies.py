"""What the Nuke side repeats of the core, since Nuke's Python cannot import it: both must say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, get_args

from flyaway.batch.report import ExitCode, Status
from flyaway.coverage import ALPHA_IN
from flyaway.export import nuke_module
from flyaway.frames.patterns import READABLE

PLUGIN = Path(__file__).resolve().parents[2] / "nuke_plugin"
PYTHON = PLUGIN / "python" / "flyaway_nuke"


def constant(path: str, name: str) -> Any:
    """A literal at the top of a module that only Nuke can import."""
    for node in ast.parse((PYTHON / path).read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{path} has no {name}")


def choices(gizmo: str, knob: str) -> tuple[str, ...]:
    """The entries of an enumeration knob, as the gizmo's text lists them."""
    text = (PLUGIN / "gizmos" / gizmo).read_text("utf-8")
    found = re.search(rf"addUserKnob {{4 {knob} .* M {{(.*?)}}}}", text)
    assert found is not None, f"{gizmo} has no knob {knob}"
    return tuple(first or second for first, second in re.findall(r'"([^"]+)"|(\S+)', found[1]))


def test_the_live_models_choices():
    assert tuple(constant("cat.py", "COLOURS")) == nuke_module.COLOURS
    assert tuple(constant("cat.py", "OUTPUTS")) == nuke_module.OUTPUTS


def test_what_the_bake_hands_over_can_be_read():
    """Anything else is rendered by Nuke first, so the list may be shorter, never longer."""
    assert set(constant("bake/plate.py", "_READABLE")) <= set(READABLE)


def test_what_the_plates_alpha_may_be():
    assert choices("FlyawayBake.gizmo", "alpha_in") == ALPHA_IN


def test_what_becomes_of_a_frame():
    text = (PYTHON / "bake" / "events.py").read_text("utf-8")
    known = re.search(r'entry\.get\("status"\) in (\(.*?\))', text)
    assert known is not None
    assert set(ast.literal_eval(known[1])) == set(get_args(Status))


def test_exit_codes():
    text = (PYTHON / "bake" / "job.py").read_text("utf-8")
    codes = {int(code) for code in re.findall(r"code == (\d+)", text)}
    assert codes - {0} == {ExitCode.OUT_OF_MEMORY, ExitCode.INTERRUPTED}
