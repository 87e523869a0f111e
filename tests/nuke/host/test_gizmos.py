"""The gizmos' text: through the real Tcl, and as a structure, since there is no Nuke to read it."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from fake_nuke import NkError, parse

TCL = """
set file [open [lindex $argv 0] r]
fconfigure $file -encoding utf-8
set text [read $file]
if {![info complete $text]} { puts stderr "not complete"; exit 2 }
# Every node class is an unknown command here; its body must be a list of pairs.
proc unknown {args} {
  if {[llength $args] != 2} { error "no node: [string range $args 0 60]" }
  set body [lindex $args 1]
  if {[llength $body] % 2} { error "[lindex $args 0]: knobs and values do not pair up" }
  puts [lindex $args 0]
}
proc push {name} {}
proc end_group {} {}
proc version {args} {}
proc stack {n} {return $n}
eval $text
"""


@pytest.fixture(params=["PortraitMatte", "FlyawayBake"])
def gizmo(request, plugin):
    return plugin / "gizmos" / (request.param + ".gizmo")


def test_real_tcl_reads_it(gizmo, tmp_path):
    tclsh = shutil.which("tclsh")
    if tclsh is None:
        pytest.skip("tclsh is not installed (Debian: apt install tcl)")
    script = tmp_path / "read.tcl"
    # $Img and the like are variables that `set Img [stack 0]` makes.
    script.write_text(TCL, encoding="utf-8")
    done = subprocess.run([tclsh, str(script), str(gizmo)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours = [node.type for node in parse(gizmo.read_text(encoding="utf-8")).walk()]
    assert done.stdout.split() == ours


def test_it_is_a_gizmo_that_nothing_dangles_in(gizmo):
    (node,) = parse(gizmo.read_text(encoding="utf-8")).nodes
    assert node.type == "Gizmo"
    (output,) = [inner for inner in node.nodes if inner.type == "Output"]
    reached, todo = set(), [output]
    while todo:
        inner = todo.pop()
        reached.add(id(inner))
        todo += [source for source in inner.inputs if source is not None]
    assert [inner.name for inner in node.nodes if id(inner) not in reached] == []
    names = [inner.name for inner in node.nodes]
    assert len(names) == len(set(names))


def test_the_parser_finds_slips():
    for text in (
        "Blur {\n size 3\n",
        "Blur {\n size\n}", "push $A\n", "Merge2 {\n inputs 2\n}\n", "end_group\n",
                 "NoOp {\n addUserKnob {7 mix R {0 1}}\n}\n", "NoOp {\n addUserKnob {7 mix R 0}\n}\n",
                 "NoOp {\n addUserKnob {7 mix q 0}\n}\n",
                 "Group {\n}\n Input {\n inputs 0\n}\n", 'Blur {\n label "a\n}\n'):  # fmt: skip
        with pytest.raises(NkError):
            parse(text)


def test_portrait_matte_is_wired_as_meant(plugin):
    text = (plugin / "gizmos" / "PortraitMatte.gizmo").read_text(encoding="utf-8")
    (gizmo,) = parse(text).nodes
    inputs = {
        node.name: [source.name for source in node.inputs if source is not None] for node in gizmo.nodes
    }
    assert inputs["ToBox"] == ["img"]
    assert inputs["DownSwitch"] == ["ToBox", "Down"]
    assert inputs["CatIsBuilt"] == ["DownSwitch"]
    assert inputs["Inference1"] == ["CatIsBuilt"], "no render passes a missing model by"
    assert inputs["UpSwitch"] == ["Inference1", "Up"]
    assert inputs["Garbage"] == ["Back", "garbage"]
    assert inputs["Core"] == ["Garbage", "core"]
    assert inputs["ColourSwitch"] == ["img", "Back"]
    assert inputs["PlateAlpha"] == ["ColourSwitch", "InvertMatte"]
    assert inputs["OutputSwitch"] == ["Back", "AlphaInAll", "PremultPlate", "PlateAlpha"]
    assert inputs["Mix"] == ["img", "OutputSwitch"]
    numbers = {n.name: n.knobs.get("number", "0") for n in gizmo.nodes if n.type == "Input"}
    assert numbers == {"img": "0", "garbage": "1", "core": "2"}


def test_every_parent_expression_names_a_knob(plugin):
    import re

    text = (plugin / "gizmos" / "PortraitMatte.gizmo").read_text(encoding="utf-8")
    (gizmo,) = parse(text).nodes
    knobs = {user.name for user in gizmo.user_knobs}
    used = set(re.findall(r"parent\.(\w+)", text))
    assert used
    assert used <= knobs
    assert set(re.findall(r"\bToBox\.(\w+)", text)) == {"width", "height", "box"}


def test_the_fake_can_make_it(fake):
    """Every node class and knob in the text is one that the catalogue knows; links lead somewhere."""
    node = fake.nuke.createNode("PortraitMatte")
    assert node.Class() == "PortraitMatte"
    assert node["white"].value() == 1.0
    assert node["colour"].value() == "linear Rec.709"
    assert node["useGPUIfAvailable"].value() is True
    assert node.maxInputs() == 3


def test_cattery_folder(plugin):
    folder = plugin / "Cattery" / "Flyaway"
    listed = json.loads((folder / "cat.json").read_text(encoding="utf-8"))
    assert {"minimum_nuke_version_required", "version", "category", "description", "cats"} <= set(listed)
    (cat,) = listed["cats"]
    assert set(cat) == {"filepath", "name", "icon"}
    gizmo = (plugin / "gizmos" / "PortraitMatte.gizmo").read_text(encoding="utf-8")
    assert cat["filepath"] in gizmo
    assert (plugin / "icons" / cat["icon"]).is_file()
