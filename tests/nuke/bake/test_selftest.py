"""The self-test as somebody with a licence runs it: a fake Nuke, our real program, a real photograph."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


@pytest.fixture
def installed(host, tmp_path, pixels):
    """A Nuke in which the live model is built; its pixels are those of the baked matte's file."""
    from flyaway_nuke import cat, live, selftest

    (tmp_path / "model").mkdir()
    for name in ("flyaway_fast.pt", "flyaway_fast.cat", "cat.json"):
        (tmp_path / "model" / name).write_bytes(b"x")
    host.state.paths.append(str(tmp_path / "model"))
    cat.FOLDER = tmp_path / "model"
    before = live.refresh

    def grown(node):
        """The Inference node grows its knobs once its .cat is there."""
        for knob in cat.model_knobs():
            if node.node("Inference1").knob(knob.name()) is None:
                node.node("Inference1").addKnob(knob)
        before(node)

    live.refresh = grown
    host.state.on_render = lambda write, frame: Path(write["file"].value()).write_bytes(b"exr")
    return selftest, host


def sampled(node, channel, x, y):
    """Roughly what a matte of her would be: face and suit in, wall out."""
    inside = 0.99 if (abs(x - 220) < 120 and y < 470) or (x < 300 and y < 200) else 0.01
    if node.Class() == "Copy":
        return inside
    mode, mix = node["output"].getValue(), node["mix"].value()
    alpha = (1 - inside if node["invert"].value() else inside) * mix
    if channel == "rgba.alpha" or mode == 2 or (mode == 3 and channel == "rgba.blue"):
        return alpha
    return 0.6 * (alpha if mode == 1 else 1)


def test_all_steps_pass_and_the_report_says_what_we_want_to_know(installed):
    selftest, host = installed
    host.state.on_sample = sampled
    before = len(host.nuke.allNodes())
    report = selftest.run()
    text = report.text()
    assert report.passed, text
    assert text.endswith("ALL PASSED")
    assert "1 of 1 frames in" in text
    assert "81 of 81 points within 0.02" in text
    assert len(host.nuke.allNodes()) == before


def test_a_matte_upside_down_and_one_that_differs_are_found(installed, monkeypatch):
    selftest, host = installed
    monkeypatch.setenv("FLYAWAY_CLI", "/nowhere")
    # A bake takes its time, and its mattes are not what is asked here.
    bakes = importlib.import_module("flyaway_nuke.selftest")._Scene
    monkeypatch.setattr(bakes, "bake", lambda scene: setattr(scene, "copy", host.nuke.nodes.Copy()) or "")
    host.state.on_sample = lambda node, channel, x, y: sampled(node, channel, x, 512 - y)
    assert "suit: rgba.alpha at (30, 30) is 0.010, not 0.9..1.0" in selftest.run().text()
    host.state.on_sample = lambda node, channel, x, y: (
        sampled(node, channel, x, y) if node.Class() == "Copy" else 0.5
    )
    text = selftest.run().text()
    assert "FAIL  knobs: RuntimeError: face: rgba.alpha at (220, 392) is 0.500, not 0.9..1.0" in text
    assert "FAIL  live and baked agree: RuntimeError: 0 of 81 points within 0.02" in text
