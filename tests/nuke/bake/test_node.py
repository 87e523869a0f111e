"""The bake node in a strict fake Nuke: real EXRs in, our real program beside it, plain nodes out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT


def press(node, button):
    """As an artist does."""
    node[button].execute()


def made(nuke, node_class):
    """The one node of ours."""
    (found,) = [node for node in nuke.allNodes(node_class) if node.knob("flyaway_bake") is not None]
    return found


def test_bake_puts_plain_nodes_where_the_node_was(shot, pixels):
    nuke, read, node, blur, merge = shot
    press(node, "do_bake")
    matte, copy = made(nuke, "Read"), made(nuke, "Copy")
    assert copy.input(0) is read
    assert copy.input(1) is matte
    assert blur.input(0) is copy
    assert (merge.input(0), merge.input(1)) == (read, copy)
    assert (copy["from0"].value(), copy["to0"].value()) == ("rgba.alpha", "rgba.alpha")
    assert (matte["first"].value(), matte["last"].value(), matte["raw"].value()) == (1001, 1003, True)
    first = pixels("look", matte["file"].evaluate(1001))
    assert (first["data"], first["channels"]) == ([-16, -8, 160, 160], ["A"])
    assert node["state"].value().startswith("3 of 3 frames")
    # The plate's own files were taken: Nuke rendered nothing.
    assert not (Path(matte["file"].value()).parents[1] / "plates").exists()


def test_the_script_opens_and_reads_the_matte_without_the_plug_in(shot, host, tmp_path):
    nuke, _read, node, _blur, _merge = shot
    press(node, "do_bake")
    file = made(nuke, "Read")["file"].value()
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    paths = list(host.state.paths)
    host.state.paths.clear()  # a farm's machine has no Flyaway, and its Nuke stops at a class that it lacks
    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    copy = made(nuke, "Copy")
    assert copy.input(1)["file"].value() == file
    assert nuke.toNode("Blur1").input(0) is copy
    assert nuke.toNode("Merge21").input(1) is copy
    # The bake node is a plain group, still itself where the plug-in is.
    again = nuke.toNode("FlyawayBake1")
    assert again.Class() == "Group"
    assert (again["device"].value(), again.input(0).Class()) == ("cpu", "Read")
    host.state.paths[:] = paths
    again["do_bake"].execute()
    assert again["state"].value().startswith("3 of 3 frames")
    assert made(nuke, "Copy") is copy


def test_a_gizmo_in_the_script_would_not_survive(shot, host, tmp_path):
    """What the plain group is for: the fake stops here as Nuke's terminal does."""
    nuke, _read, _node, _blur, _merge = shot
    nuke.nodes.FlyawayBake()
    nuke.scriptSaveAs(str(tmp_path / "gizmo.nk"))
    host.state.paths.clear()
    with pytest.raises(RuntimeError, match="FlyawayBake: Unknown command"):
        nuke.scriptOpen(str(tmp_path / "gizmo.nk"))


def test_baked_again_it_is_the_same_pair_and_only_what_is_missing_is_done(shot, sequence, tmp_path):
    nuke, read, node, _blur, _merge = shot
    press(node, "do_bake")
    matte = made(nuke, "Read")
    before = Path(matte["file"].evaluate(1001)).stat().st_mtime_ns
    shutil.copy2(sequence / "plate.1004.exr", tmp_path / "plates")
    read["last"].setValue(1004)
    press(node, "do_bake")
    assert made(nuke, "Read") is matte
    assert matte["last"].value() == 1004
    assert Path(matte["file"].evaluate(1001)).stat().st_mtime_ns == before


def test_custom_range_is_nukes_grammar(shot):
    nuke, _read, node, _blur, _merge = shot
    node["range"].setValue("custom")
    node["frames"].setValue("1001-1003x2")
    press(node, "do_bake")
    folder = Path(made(nuke, "Read")["file"].value()).parent
    assert sorted(path.name for path in folder.glob("*.exr")) == ["matte.1001.exr", "matte.1003.exr"]


def render_as_nuke_would(host, sequence):
    """`nuke.execute` writes real EXRs with overscan under the Write's own name."""
    renders = []

    def render(write, frame):
        renders.append({name: write[name].value() for name in ("file_type", "channels", "raw")})
        shutil.copy(sequence / f"plate.{frame}.exr", write["file"].evaluate(frame))

    host.state.on_render = render
    return renders


def test_with_nodes_between_nuke_renders_and_the_matte_fits_its_overscan(shot, host, pixels, sequence):
    nuke, read, node, _blur, _merge = shot
    grade = nuke.nodes.Grade(inputs=[read], whitepoint=0.8)
    dot = nuke.nodes.Dot(inputs=[grade])
    node.setInput(0, dot)
    renders = render_as_nuke_would(host, sequence)
    press(node, "do_bake")
    assert renders == [{"file_type": "exr", "channels": "rgb", "raw": True}] * 3
    assert pixels("look", made(nuke, "Read")["file"].evaluate(1002))["data"] == [-16, -8, 160, 160]
    assert not nuke.allNodes("Write")
    # The very same nodes, moved about: nothing is rendered again. Another grade: all of it.
    grade.setXYpos(500, 500)
    press(node, "do_bake")
    assert len(renders) == 3
    grade["whitepoint"].setValue(0.7)
    press(node, "do_bake")
    assert len(renders) == 6


def test_a_dot_and_a_disabled_node_are_nothing(shot, host):
    nuke, read, node, _blur, _merge = shot
    grade = nuke.nodes.Grade(inputs=[read], disable=True)
    node.setInput(0, nuke.nodes.Dot(inputs=[grade]))
    press(node, "do_bake")  # on_render is not set: a render would raise
    assert made(nuke, "Copy").input(0).Class() == "Dot"


def test_relink_follows_a_moved_folder(shot, host, tmp_path):
    nuke, _read, node, _blur, _merge = shot
    press(node, "do_bake")
    matte = made(nuke, "Read")
    old = Path(matte["file"].value()).parent
    new = tmp_path / "archive" / "mattes"
    new.mkdir(parents=True)
    old.rename(new / old.name)
    host.state.answers["getFilename"] = [str(tmp_path / "elsewhere")]
    press(node, "do_relink")
    assert "Nothing was found below" in node["status"].value()
    host.state.answers["getFilename"] = [str(new)]
    press(node, "do_relink")
    assert matte["file"].value() == (new / old.name / "matte.%04d.exr").as_posix()


def test_a_renamed_and_a_copied_node_keep_their_own(shot):
    nuke, read, node, _blur, _merge = shot
    press(node, "do_bake")
    node.setName("HeroMatte")
    press(node, "do_bake")
    assert made(nuke, "Read")
    from flyaway_nuke.bake.node import create

    twin = create(read)
    for knob, value in (("device", "cpu"), ("coarse_only", True), ("bake_id", node["bake_id"].value())):
        twin[knob].setValue(value)
    press(twin, "do_bake")
    assert twin["bake_id"].value() != node["bake_id"].value()
    assert len([each for each in nuke.allNodes("Read") if each.knob("flyaway_bake")]) == 2


def test_faults_are_words_with_a_remedy_and_an_exception_in_a_terminal(shot, host, monkeypatch):
    nuke, _read, node, _blur, _merge = shot
    from flyaway_nuke.bake.errors import BakeError

    monkeypatch.setenv("FLYAWAY_CLI", "/nowhere/flyaway")
    with pytest.raises(BakeError, match="FLYAWAY_CLI names /nowhere"):
        press(node, "do_bake")
    node.setInput(0, None)
    with pytest.raises(BakeError, match="Connect the plate"):
        press(node, "do_bake")
    assert not nuke.allNodes("Copy")
    # With a GUI nothing is raised into Nuke: a dialog, and the node's own text.
    nuke.__dict__["GUI"] = True
    press(node, "do_bake")
    assert ("message", "Nothing is connected. Connect the plate to the node's input.") in host.state.messages
    assert "Connect the plate" in node["status"].value()


def test_nukes_own_render_that_fails_or_is_stopped_leaves_no_write_behind(shot, host):
    nuke, read, node, _blur, _merge = shot
    node.setInput(0, nuke.nodes.Grade(inputs=[read]))
    from flyaway_nuke.bake.errors import PlateError

    def stop(write, frame):
        raise RuntimeError("Cancelled")

    host.state.on_render = stop
    with pytest.raises(PlateError, match="was stopped"):
        press(node, "do_bake")
    host.state.on_render = lambda write, frame: None
    with pytest.raises(PlateError, match="wrote no plate for frames 1001-1003"):
        press(node, "do_bake")
    assert not nuke.allNodes("Write")


def test_the_farm_gets_the_same_command_and_its_mattes_are_built(shot, host, environ):
    nuke, _read, node, _blur, _merge = shot
    node["chunk"].setValue(2)
    press(node, "do_farm")
    assert "Written" in node["status"].value()
    from flyaway_nuke.bake.launcher import find_cli
    from flyaway_nuke.bake.request import make_request

    request = make_request(node)
    template = json.loads((request.folder / "job.template.json").read_text())
    action = template["steps"][0]["script"]["actions"]["onRun"]
    assert action["args"] == [
        "--frames={{Task.Param.Frames}}" if word.startswith("--frames=") else word
        for word in request.command(find_cli(environ))[len(find_cli(environ).command) :]
    ]
    # What the farm does, in two chunks; then Build nodes.
    for chunk in ("1001-1002", "1003"):
        words = [word.replace("{{Task.Param.Frames}}", chunk) for word in action["args"]]
        subprocess.run([*find_cli(environ).command, *words], check=True, capture_output=True)
    node["folder_baked"].setValue(request.folder.as_posix())
    press(node, "do_build")
    assert made(nuke, "Read")["last"].value() == 1003


def test_the_farm_pages_script_bakes_every_node(shot, monkeypatch, tmp_path):
    nuke, _read, _node, _blur, _merge = shot
    from flyaway_nuke.bake import node as bakes

    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    page = (ROOT / "docs" / "nuke" / "farm.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(# Nuke -t bake.py.*?)```", page, re.DOTALL)
    baked = []
    monkeypatch.setattr(bakes, "bake", lambda each: baked.append(each.name()))
    monkeypatch.setattr(sys, "argv", ["bake.py", str(tmp_path / "shot.nk")])
    exec(code, {})  # noqa: S102 -- our own page
    assert baked == ["FlyawayBake1"]


def test_check_tells_a_terminal_what_is_there(shot):
    _nuke, _read, node, _blur, _merge = shot
    press(node, "do_check")
    assert node["status"].value().count("ok ") == 4


@pytest.mark.parametrize(
    ("output", "channels", "copied"),
    [
        ("rgba", ["R", "G", "B", "A"], ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"]),
        ("fg", ["R", "G", "B"], ["rgba.red", "rgba.green", "rgba.blue", "none"]),
        ("unknown", ["unknown.A"], ["unknown.alpha", "none", "none", "none"]),
    ],
)
def test_colour_and_the_unknown_region_are_baked_and_brought_in(shot, pixels, output, channels, copied):
    nuke, read, node, _blur, _merge = shot
    press(node, "do_bake")
    raw = next(Path(node["folder_baked"].value()).parent.glob("raw-*/matte.1001.exr"))
    before = raw.stat().st_mtime_ns
    node["output"].setValue(output)
    node["despill"].setValue("green")
    press(node, "do_bake")
    bake, copy = made(nuke, "Read"), made(nuke, "Copy")
    assert Path(bake["file"].value()).name == f"{output}.%04d.exr"
    assert bake["label"].value() == f"Flyaway fast {output}"
    assert pixels("look", bake["file"].evaluate(1002))["channels"] == channels
    assert [copy[f"from{number}"].value() for number in range(4)] == copied
    assert copy["to0"].value() == copied[0].replace("unknown", "rgba")
    assert copy.input(0) is read
    # The network's own mattes were kept, and it did not run again.
    assert raw.stat().st_mtime_ns == before
    node["output"].setValue("matte")
    press(node, "do_bake")
    assert [copy[f"from{number}"].value() for number in range(4)] == ["rgba.alpha", *["none"] * 3]
    assert node["state"].value().startswith("3 of 3 frames")
