"""Which plate is matted, in which colour space and size, and with which alpha: in the strict fake."""

from __future__ import annotations

import pytest


def word_after(words, option):
    return words[words.index(option) + 1] if option in words else None


def test_a_custom_range_that_the_read_does_not_have_is_rendered_as_it_is_shown(comp):
    read = comp.read("a", range(1, 11))
    read["last"].setValue(5)  # more lie on disk; Nuke holds frame 5
    node = comp.bake_node(read)
    comp.ask_for(node, "4-8")
    assert comp.bake(node) == 5
    node["frames"].setValue("4-5")
    assert comp.bake(node) == 0
    assert "/a/plate.%04d.exr" in comp.words(node)[2]


@pytest.mark.parametrize(
    ("knob", "value", "why"),
    [
        ("premultiplied", True, "is marked as premultiplied"),
        ("on_error", "nearest frame", "shows nearest frame for frames 3, which are missing"),
    ],
)
def test_what_else_a_read_does_to_its_files(comp, knob, value, why):
    read = comp.read("a", range(1, 6))
    (comp.folder / "a" / "plate.0003.exr").unlink()
    node = comp.bake_node(read)
    from flyaway_nuke.bake.plate import own_files

    assert own_files(node, [1, 2, 3])[0] is not None
    read[knob].setValue(value)
    plate, reason = own_files(node, [1, 2, 3])
    assert plate is None
    assert why in reason


@pytest.mark.parametrize(("after", "taken"), [("hold", True), ("loop", True), ("black", False)])
def test_a_still_is_the_same_wherever_it_is_held(comp, after, taken):
    still = comp.folder / "still.exr"
    still.write_text("a still")
    read = comp.nuke.nodes.Read(file=still.as_posix(), first=1, last=1, after=after)
    node = comp.bake_node(read)
    comp.ask_for(node, "1-5")
    from flyaway_nuke.bake.plate import own_files

    assert (own_files(node, [1, 5])[0] is not None) is taken


def test_a_gap_in_the_plate_is_said_frame_by_frame(comp):
    from flyaway_nuke.bake.errors import BakeError

    node = comp.bake_node(comp.read("a", range(1, 6)))
    (comp.folder / "a" / "plate.0003.exr").unlink()
    with pytest.raises(BakeError, match="1 of 5"):
        comp.bake(node)
    from flyaway_nuke.bake.host import session

    assert list(session().jobs[-1].problems) == [3]


def test_a_path_is_meant_from_the_projects_directory_on(comp):
    comp.plates("a")
    root = comp.nuke.root()
    root["project_directory"].setValue("[python {nuke.script_directory()}]")
    comp.state.tcl_answers["python {nuke.script_directory()}"] = comp.folder.as_posix()
    node = comp.bake_node(comp.nuke.nodes.Read(file="a/plate.####.exr", first=1, last=3))
    node["garbage"].setValue("[file dirname [value root.name]]/roto.####.exr")
    node["core"].setValue("masks/core.exr")
    comp.state.tcl_answers["file dirname [value root.name]"] = "/show/sh010"
    words = comp.words(node)
    assert words[2] == (comp.folder / "a" / "plate.%04d.exr").as_posix()
    assert word_after(words, "--garbage") == "/show/sh010/roto.%04d.exr"
    assert word_after(words, "--core") == (comp.folder / "masks" / "core.exr").as_posix()
    comp.bake(node)
    assert node["state"].value().startswith("3 of 3")


def test_in_proxy_mode_the_plate_itself_is_matted(comp):
    nuke = comp.nuke
    read = comp.read("a")
    read["proxy"].setValue(comp.plates("a_proxy"))
    nuke.root()["proxy"].setValue(True)
    node = comp.bake_node(read)
    node["pick"].setValue(40, 0)
    node["pick"].setValue(100, 1)
    node["pick_frame"].setValue(2)
    node["person"].setValue("point")
    words = comp.words(node)
    assert "/a/plate" in words[2]
    assert word_after(words, "--subject") == "40,980@2"
    node.setInput(0, nuke.nodes.Grade(inputs=[read]))
    comp.bake(node)
    assert [proxy for _frame, _channels, proxy in comp.renders] == [False] * 3
    assert nuke.root()["proxy"].value() is True
    # What was rendered so is found again when the switch is off.
    nuke.root()["proxy"].setValue(False)
    assert comp.bake(node) == 0


def test_a_read_that_only_nuke_can_convert_is_matted_from_its_files_in_the_space_that_is_said(comp):
    read = comp.read("a")
    read["colorspace"].setValue("Cineon")
    node = comp.bake_node(read)
    assert "plates/" in comp.words(node)[2]
    node["in_space"].setValue("Cineon")
    rendered = len(comp.renders)
    words = comp.words(node)
    # Once: Nuke converts nothing, our program does.
    assert len(comp.renders) == rendered
    assert "/a/plate" in words[2]
    assert word_after(words, "--in-space") == "Cineon"


def test_what_nuke_renders_is_in_the_working_space_whatever_the_files_are_in(comp):
    from flyaway_nuke.bake.errors import PlateError

    read = comp.read("a")
    read["colorspace"].setValue("Cineon")
    node = comp.bake_node(comp.nuke.nodes.Grade(inputs=[read]))
    assert word_after(comp.words(node), "--in-space") == "linear"
    node["in_space"].setValue("Cineon")
    with pytest.raises(PlateError, match="Empty plate's colour, and say it on the Read"):
        comp.words(node)
    # The two remedies.
    node.setInput(0, read)
    assert word_after(comp.words(node), "--in-space") == "Cineon"
    node.setInput(0, comp.nuke.nodes.Grade(inputs=[read]))
    node["in_space"].setValue("")
    assert word_after(comp.words(node), "--in-space") == "linear"


@pytest.mark.parametrize("raw", [True, False])
def test_a_working_space_without_a_name_can_be_said_on_the_node(comp, raw):
    from flyaway_nuke.bake.errors import PlateError

    root = comp.nuke.root()
    root["colorManagement"].setValue("OCIO")
    root["workingSpaceLUT"].setValue("")
    read = comp.read("a")
    read["raw"].setValue(True)
    node = comp.bake_node(read if raw else comp.nuke.nodes.Grade(inputs=[read]))
    with pytest.raises(PlateError, match="More tab, as plate's colour"):
        comp.words(node)
    node["in_space"].setValue("ACEScg")
    assert word_after(comp.words(node), "--in-space") == "ACEScg"
    assert len(comp.renders) == (0 if raw else 3)


def test_the_plates_alpha_is_rendered_where_colour_is_to_be_divided_by_it(comp):
    grade = comp.nuke.nodes.Grade(inputs=[comp.read("a")])
    node = comp.bake_node(grade)
    comp.bake(node)
    assert {channels for _frame, channels, _proxy in comp.renders} == {"rgb"}
    for choice in ("straight", "ignore"):  # colour as it is, and no alpha there to speak of
        node["alpha_in"].setValue(choice)
        assert "--alpha-in" not in comp.words(node)
    comp.renders.clear()
    node["alpha_in"].setValue("premultiplied")
    assert word_after(comp.words(node), "--alpha-in") == "premultiplied"
    assert {channels for _frame, channels, _proxy in comp.renders} == {"rgba"}
    # Files are looked at as they are.
    node.setInput(0, grade.input(0))
    node["alpha_in"].setValue("straight")
    assert word_after(comp.words(node), "--alpha-in") == "straight"


def test_a_point_begins_in_the_middle_of_the_frame_that_is_seen(comp):
    from flyaway_nuke.bake.errors import BakeError

    node = comp.bake_node(comp.read("a", range(1001, 1006)))
    comp.nuke.frame(1003)
    comp.nuke.root()["proxy"].setValue(True)  # the viewer's reduction is not the handle's
    node["person"].setValue("point")
    assert (node["pick"].value(0), node["pick"].value(1), node["pick_frame"].value()) == (960, 540, 1003)
    assert word_after(comp.words(node), "--subject") == "960,540@1003"
    node["pick_frame"].setValue(7)
    with pytest.raises(BakeError, match="frame 7, which is not among 1001-1005"):
        comp.words(node)
    comp.nuke.frame(1002)
    node["pick"].setValue(99999, 0)
    with pytest.raises(BakeError, match="lies outside the plate"):
        comp.words(node)
    # A script that sets the menu alone, without the node's callback.
    for name, value in (("pick", (0.0, 0.0)), ("pick_frame", 0)):
        node[name]._value = value
    comp.nuke.frame(1)
    assert word_after(comp.words(node), "--subject") == "960,540@1001"


def test_new_nodes_follow_the_preferences(comp):
    (comp.folder / "preferences.json").write_text('{"model": "quality", "device": "gpu.0"}')
    node = comp.bake_node(comp.read("a"))
    assert (node["model"].value(), node["device"].value()) == ("quality", "gpu.0")
    (comp.folder / "preferences.json").write_text("{")
    assert comp.bake_node(comp.read("b"))["model"].value() == "fast"
    assert any("is damaged" in text for _kind, text in comp.state.messages)


def test_the_farm_button_is_enough_for_build_nodes(comp):
    from flyaway_nuke.bake.request import make_request

    node = comp.bake_node(comp.read("a"))
    comp.bake(node, "do_farm")
    request = make_request(node)
    assert node["folder_baked"].value() == request.folder.as_posix()
    for frame in (1, 2, 3):
        request.matte(frame).write_text("by the farm")
    comp.bake(node, "do_build")
    (copy,) = comp.nuke.allNodes("Copy")
    assert copy.input(1)["file"].value() == request.target
