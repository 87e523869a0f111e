"""Bake nodes, Reads and Copies that are copied, renamed, rewired and undone, in the strict fake."""

from __future__ import annotations

import dataclasses

import pytest


def made(comp, node_class):
    return [node for node in comp.nuke.allNodes(node_class) if node.knob("flyaway_bake") is not None]


@pytest.fixture
def baked(comp):
    """A baked node with a Blur behind it."""
    read = comp.read("a")
    node = comp.bake_node(read)
    blur = comp.nuke.nodes.Blur(inputs=[node])
    comp.bake(node)
    return comp, read, node, blur


@pytest.mark.parametrize("first", ["original", "paste"])
def test_a_pasted_node_gets_nodes_of_its_own_whoever_is_baked_first(baked, first):
    comp, read, node, blur = baked
    own, copy = node["bake_id"].value(), blur.input(0)
    (paste,) = comp.paste(node)
    assert paste["bake_id"].value() == own
    other = comp.read("b")
    paste.setInput(0, other)
    for each in (node, paste) if first == "original" else (paste, node):
        comp.bake(each)
    assert node["bake_id"].value() == own
    assert paste["bake_id"].value() != own
    assert blur.input(0) is copy
    assert copy.input(0) is read
    theirs = {each.input(0): each.input(1)["file"].value() for each in made(comp, "Copy")}
    assert set(theirs) == {read, other}
    assert len(set(theirs.values())) == 2
    assert node["folder_baked"].value() in theirs[read]
    assert paste["folder_baked"].value() in theirs[other]


def test_a_variant_on_the_same_plate_leaves_a_renamed_copy_to_its_owner(baked):
    comp, read, node, blur = baked
    copy = blur.input(0)
    copy.setName("HeroMatte")
    copy.input(1).setName("HeroRead")
    (variant,) = comp.paste(node)
    variant.setInput(0, read)
    variant["coarse_only"].setValue(True)
    comp.bake(variant)
    assert len(made(comp, "Copy")) == 2
    assert node["folder_baked"].value() in copy.input(1)["file"].value()
    comp.bake(node)
    assert len(made(comp, "Copy")) == 2
    assert blur.input(0) is copy


def test_a_bake_whose_node_is_deleted_meanwhile_is_not_built_on_a_paste_of_it(baked):
    comp, _read, node, _blur = baked
    from flyaway_nuke.bake.host import session
    from flyaway_nuke.bake.node import node_of

    (paste,) = comp.paste(node)
    paste.setInput(0, comp.read("b"))
    job = session().jobs[-1]
    assert node_of(job) is node
    comp.nuke.delete(node)
    assert node_of(job) is None


def test_stop_and_build_on_a_pasted_node_leave_the_originals_bake_alone(baked):
    comp, _read, node, _blur = baked
    (paste,) = comp.paste(node)
    paste.setInput(0, comp.read("b"))
    from flyaway_nuke.bake.errors import CacheError
    from flyaway_nuke.bake.host import session

    request = session().jobs[-1].request
    job = session().submit(dataclasses.replace(request, folder=request.folder.with_name("again")))
    comp.bake(paste, "do_stop")
    assert job.state == "queued"
    comp.bake(node, "do_stop")
    assert job.state == "cancelled"
    with pytest.raises(CacheError, match="not baked yet"):
        comp.bake(paste, "do_build")


def test_a_renamed_node_keeps_its_own_also_where_it_was_pasted_before_it_was_baked_again(baked):
    comp, _read, node, blur = baked
    own, copy = node["bake_id"].value(), blur.input(0)
    node.setName("Hero")
    (paste,) = comp.paste(node)
    paste.setInput(0, comp.read("b"))
    comp.bake(paste)
    comp.bake(node)
    assert (node["bake_id"].value(), blur.input(0)) == (own, copy)
    assert paste["bake_id"].value() != own


def test_a_paste_whose_original_is_gone_does_not_take_over_its_mattes(baked):
    comp, read, node, blur = baked
    copy = blur.input(0)
    matte = copy.input(1)["file"].value()
    (paste,) = comp.paste(node)
    paste.setInput(0, comp.read("b"))
    comp.nuke.delete(node)
    comp.bake(paste)
    assert (blur.input(0), copy.input(0), copy.input(1)["file"].value()) == (copy, read, matte)
    assert len(made(comp, "Copy")) == 2


def test_a_branch_that_was_pasted_whole_is_baked_in_its_own_nodes(baked):
    comp, read, node, blur = baked
    copy, matte = blur.input(0), blur.input(0).input(1)
    pasted = comp.paste(read, node, matte, copy, blur)
    kinds = {each.Class(): each for each in pasted if each.Class() != "Read"}
    plate = kinds["Copy"].input(0)
    plate["file"].setValue(comp.plates("b"))
    comp.bake(kinds["Group"])
    assert len(made(comp, "Copy")) == 2
    assert kinds["Blur"].input(0) is kinds["Copy"]
    assert kinds["Group"]["folder_baked"].value() in kinds["Copy"].input(1)["file"].value()
    assert node["folder_baked"].value() in matte["file"].value()
    comp.bake(node)
    assert len(made(comp, "Copy")) == 2
    assert node["folder_baked"].value() in matte["file"].value()


def test_what_the_artist_did_to_read_and_copy_outlives_the_next_bake(baked):
    comp, read, node, blur = baked
    copy = blur.input(0)
    matte = copy.input(1)
    grade = comp.nuke.nodes.Grade(inputs=[read])
    copy.setInput(0, grade)
    erode = comp.nuke.nodes.FilterErode(inputs=[matte])
    copy.setInput(1, erode)
    copy["to0"].setValue("mask.a")
    matte["label"].setValue("hero's matte")
    matte["raw"].setValue(False)
    comp.plates("a", range(1, 6))
    read["last"].setValue(5)
    comp.bake(node)
    assert (copy.input(0), copy.input(1), copy["to0"].value()) == (grade, erode, "mask.a")
    assert (matte["label"].value(), matte["raw"].value()) == ("hero's matte", False)
    # The bake's own: what is there to be read.
    assert (matte["first"].value(), matte["last"].value()) == (1, 5)
    # Another output is other channels.
    node["output"].setValue("rgba")
    comp.bake(node)
    assert (copy["from3"].value(), copy.input(0)) == ("rgba.alpha", grade)


def test_the_copy_goes_with_its_bake_node_to_another_plate_unless_the_artist_moved_it(baked):
    comp, _read, node, blur = baked
    copy = blur.input(0)
    other, third = comp.read("b"), comp.read("c")
    node.setInput(0, other)
    comp.bake(node)
    assert (blur.input(0), copy.input(0)) == (copy, other)
    grade = comp.nuke.nodes.Grade(inputs=[other])
    copy.setInput(0, grade)
    node.setInput(0, third)
    comp.bake(node)
    assert copy.input(0) is grade


def test_what_feeds_the_copy_is_not_hung_on_the_copy(baked):
    comp, _read, node, blur = baked
    copy = blur.input(0)
    grade = comp.nuke.nodes.Grade(inputs=[node])
    copy.setInput(0, grade)
    comp.bake(node)
    assert (copy.input(0), grade.input(0)) == (grade, node)


def test_undo_is_told_of_the_result_alone(comp):
    read = comp.read("a")
    node = comp.bake_node(comp.nuke.nodes.Grade(inputs=[read]))
    comp.nuke.root()["proxy"].setValue(True)
    comp.state.undo_log.clear()
    comp.bake(node)
    assert len(comp.renders) == 3
    assert comp.state.undo_off == 0
    told = comp.state.undo_log
    assert not [step for step in told if "Write" in step or "bake_id" in step or "proxy" in step]
    assert "made Copy1" in told
    # Of the node's own, only what the build says, in its one step.
    assert [step for step in told if step.startswith(f"set {node.name()}")] in (
        [],
        [f"set {node.name()}.folder_baked"],
    )
