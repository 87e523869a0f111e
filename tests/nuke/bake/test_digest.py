"""When Nuke renders the plate anew, and when it does not: in the strict fake."""

from __future__ import annotations

import pytest


def test_a_bake_in_a_group_sees_what_changes_outside(comp):
    nuke = comp.nuke
    read = comp.read("a")
    grade = nuke.nodes.Grade(inputs=[read])
    outer = nuke.nodes.Group(inputs=[grade])
    with outer:
        inner = nuke.nodes.Group(inputs=[nuke.nodes.Input()])
    with inner:
        node = comp.bake_node(nuke.nodes.Input())
    assert comp.bake(node) == 3
    assert comp.bake(node) == 0
    grade["whitepoint"].setValue(0.3)
    assert comp.bake(node) == 3
    read["file"].setValue(comp.plates("b"))
    assert comp.bake(node) == 3
    assert comp.bake(node) == 0


def test_a_groups_second_input_is_followed_where_it_leads(comp):
    nuke = comp.nuke
    grades = [nuke.nodes.Grade(inputs=[comp.read(name)]) for name in "ab"]
    group = nuke.nodes.Group(inputs=grades)
    with group:
        node = comp.bake_node(nuke.nodes.Input(number=1))
    comp.bake(node)
    grades[1]["whitepoint"].setValue(0.3)
    assert comp.bake(node) > 0


def test_a_node_that_only_an_expression_names_counts(comp):
    nuke = comp.nuke
    control = nuke.nodes.NoOp()
    control.addKnob(nuke.Double_Knob("gain", "gain"))
    control["gain"].setValue(1)
    grade = nuke.nodes.Grade(inputs=[comp.read("a")])
    grade["whitepoint"].setExpression("NoOp1.gain")
    node = comp.bake_node(grade)
    assert comp.bake(node) == 3
    assert comp.bake(node) == 0
    control["gain"].setValue(4)
    assert comp.bake(node) == 3


def test_an_expression_on_the_group_around_does_not_bring_in_the_bake_node_itself(comp):
    nuke = comp.nuke
    group = nuke.nodes.Group(inputs=[comp.read("a")])
    group.addKnob(nuke.Double_Knob("gain", "gain"))
    with group:
        grade = nuke.nodes.Grade(inputs=[nuke.nodes.Input()])
        grade["whitepoint"].setExpression("parent.gain")
        node = comp.bake_node(grade)
    comp.bake(node)
    assert comp.bake(node) == 0
    group["gain"].setValue(2)
    assert comp.bake(node) > 0


def test_a_longer_range_of_one_plate_renders_what_is_new(comp):
    grade = comp.nuke.nodes.Grade(inputs=[comp.read("a", range(1, 11))])
    grade["whitepoint"].setExpression("frame / 10")
    node = comp.bake_node(grade)
    comp.ask_for(node, "2-4")
    assert comp.bake(node) == 3
    node["frames"].setValue("2-6")
    assert comp.bake(node) == 2
    grade["whitepoint"].setExpression("frame / 5")
    assert comp.bake(node) == 5


def test_any_one_frame_of_the_plate_that_was_patched_counts(comp):
    node = comp.bake_node(comp.nuke.nodes.Grade(inputs=[comp.read("a", range(1, 11))]))
    assert comp.bake(node) == 10
    (comp.folder / "a" / "plate.0003.exr").write_text("patched")
    assert comp.bake(node) == 10


def test_the_contents_of_a_file_that_a_node_names_count(comp):
    look = comp.folder / "show.cube"
    look.write_text("a look")
    node = comp.bake_node(
        comp.nuke.nodes.OCIOFileTransform(inputs=[comp.read("a")], file=look.as_posix()),
    )
    assert comp.bake(node) == 3
    look.write_text("another look")
    assert comp.bake(node) == 3


def test_a_writes_own_file_is_nothing_that_it_reads(comp):
    target = comp.folder / "out.exr"
    node = comp.bake_node(comp.nuke.nodes.Write(inputs=[comp.read("a")], file=target.as_posix()))
    assert comp.bake(node) == 3
    target.write_text("written meanwhile")
    assert comp.bake(node) == 0


@pytest.mark.parametrize("knob", ["useLifetime", "lifetimeEnd"])
def test_a_nodes_lifetime_is_no_matter_of_looks(comp, knob):
    grade = comp.nuke.nodes.Grade(inputs=[comp.read("a")])
    node = comp.bake_node(grade)
    comp.bake(node)
    grade[knob].setValue(2)
    assert comp.bake(node) == 3


def test_another_ocio_configuration_is_another_picture_and_so_is_another_version_of_it(comp):
    root = comp.nuke.root()
    root["colorManagement"].setValue("OCIO")
    root["workingSpaceLUT"].setValue("scene_linear")
    node = comp.bake_node(comp.nuke.nodes.Grade(inputs=[comp.read("a")]))
    assert comp.bake(node) == 3
    config = comp.folder / "config.ocio"
    config.write_text("version 1")
    root["OCIO_config"].setValue("custom")
    root["customOCIOConfigPath"].setValue(config.as_posix())
    assert comp.bake(node) == 3
    config.write_text("version 1, mended")
    assert comp.bake(node) == 3
    assert comp.bake(node) == 0


def test_a_node_that_is_moved_or_renamed_finds_its_plate(comp):
    grade = comp.nuke.nodes.Grade(inputs=[comp.read("a")])
    node = comp.bake_node(grade)
    comp.bake(node)
    node.setName("Hero")
    grade.setName("Look")
    grade.setXYpos(300, 300)
    assert comp.bake(node) == 0
