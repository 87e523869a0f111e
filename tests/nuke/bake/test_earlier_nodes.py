"""Bake nodes that are in scripts already, and scripts on machines without the plug-in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# As 0.1's first builds had it: what is in an artist's script stays as it was (decision 0006).
FIRST = Path(__file__).with_name("first_release.gizmo")


@pytest.fixture
def old(comp):
    """A bake node of the first release in a script."""
    text = FIRST.read_text(encoding="utf-8").replace("Gizmo {", "Group {\n inputs 0", 1)
    comp.nuke.scriptReadText(text)
    (node,) = comp.nuke.allNodes("Group")
    node.setName("FlyawayBake1")
    return node


def test_a_node_with_the_first_releases_knobs_alone_is_baked_pasted_and_built(comp, old):
    assert old.knob("alpha_in") is None
    old.setInput(0, comp.read("a"))
    blur = comp.nuke.nodes.Blur(inputs=[old])
    comp.bake(old)
    assert old["state"].value().startswith("3 of 3")
    copy = blur.input(0)
    (paste,) = comp.paste(old)
    paste.setInput(0, comp.read("b"))
    comp.bake(paste)
    assert (blur.input(0), len(comp.nuke.allNodes("Copy"))) == (copy, 2)
    old.setInput(0, comp.nuke.nodes.Grade(inputs=[old.input(0)]))
    assert comp.bake(old) == 3
    for button in ("do_stop", "do_farm", "do_build"):
        comp.bake(old, button)


def test_the_callback_of_a_node_that_would_raise_without_us_is_mended_when_it_is_baked(comp):
    node = comp.bake_node(comp.read("a"))
    guarded = node["knobChanged"].value()
    assert guarded.startswith("try:")
    for text, then in (
        ("import flyaway_nuke.bake.finish as f\nf.picked(nuke.thisNode())", guarded),
        ("pass", "pass"),
    ):
        node["knobChanged"].setValue(text)
        comp.bake(node)
        assert node["knobChanged"].value() == then


def test_without_the_plug_in_nothing_is_raised_and_buttons_say_what_is_missing(comp, monkeypatch):
    node = comp.bake_node(comp.read("a"))
    comp.nuke.scriptSaveAs(str(comp.folder / "shot.nk"))
    comp.state.paths.clear()
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "nuke_plugin" not in path])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    for name in [name for name in sys.modules if name.startswith("flyaway_nuke")]:
        del sys.modules[name]  # for good: they have this test's Nuke
    sys.modules["flyaway_nuke"] = None  # whatever else this Python has installed; the fixture takes it away
    comp.nuke.scriptOpen(str(comp.folder / "shot.nk"))
    node = comp.nuke.toNode("FlyawayBake1")
    node["range"].setValue("global")
    node["pick"].setValue(5, 0)
    assert not comp.state.messages
    buttons = [knob for name, knob in node.knobs().items() if name.startswith("do_")]
    assert len(buttons) == 8 - 1
    for knob in buttons:
        comp.state.messages.clear()
        knob.execute()
        ((kind, text),) = comp.state.messages
        assert kind == "message"
        assert "Flyaway is not installed in this Nuke" in text
