"""The node's settings, in the words of our command line."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda read: read["frame"].setValue("frame-10"), "shifted in time"),
        (lambda read: read["colorspace"].setValue("AlexaV3LogC"), "which Nuke has to convert"),
        (lambda read: read["file"].setValue("/show/clip.mov"), "which Nuke has to decode"),
        (lambda read: read["file"].setValue("/show/plate.%V.%04d.exr"), "several views"),
        (lambda read: read["disable"].setValue(True), "Nothing is connected"),
    ],
)
def test_when_the_files_are_not_what_nuke_shows_they_are_not_taken(shot, change, why):
    _nuke, read, node, _blur, _merge = shot
    change(read)
    from flyaway_nuke.bake.errors import PlateError
    from flyaway_nuke.bake.plate import own_files

    try:
        plate, reason = own_files(node, [1001, 1002])
    except PlateError as error:
        plate, reason = None, str(error)
    assert plate is None
    assert why in reason


@pytest.mark.parametrize(
    ("root", "read", "expected"),
    [
        ({}, {"colorspace": "default (linear)"}, "linear"),
        ({}, {"colorspace": "default"}, ""),
        ({"colorManagement": "OCIO"}, {"colorspace": "default"}, "scene_linear"),
        ({}, {"colorspace": "sRGB"}, "srgb"),
        ({}, {"colorspace": "rec709"}, None),
        ({}, {"raw": True, "colorspace": "sRGB"}, "linear"),
        ({"colorManagement": "OCIO"}, {"colorspace": "ACES - ACEScg"}, "ACES - ACEScg"),
        ({"colorManagement": "OCIO", "workingSpaceLUT": "ACEScg"}, {"raw": True}, "ACEScg"),
    ],
)
def test_colour_spaces_are_handed_on_by_name_or_not_at_all(shot, root, read, expected):
    nuke, node, _bake, _blur, _merge = shot
    from flyaway_nuke.bake import colour

    for name, value in root.items():
        nuke.root()[name].setValue(value)
    for name, value in read.items():
        node[name].setValue(value)
    assert colour.file_space(node) == expected


def test_a_custom_ocio_configuration_is_named_to_our_program(shot):
    nuke, _read, node, _blur, _merge = shot
    for name, value in (
        ("colorManagement", "OCIO"),
        ("OCIO_config", "custom"),
        ("customOCIOConfigPath", "/show/config.ocio"),
    ):
        nuke.root()[name].setValue(value)
    from flyaway_nuke.bake.launcher import Cli
    from flyaway_nuke.bake.request import make_request

    command = make_request(node).command(Cli(("flyaway",), "test"))
    assert command[command.index("--ocio") + 1] == "/show/config.ocio"


def test_the_colour_tab_in_the_words_of_the_command_line(shot):
    from flyaway_nuke.bake.launcher import Cli
    from flyaway_nuke.bake.request import make_request

    nuke, _read, node, _blur, _merge = shot

    def words():
        command = make_request(node).command(Cli(("flyaway",), "test"))
        return command[command.index("cpu") + 1 : command.index("--raw")]

    for name, value in (("edge_colour", "plate"), ("despill", "blue"), ("despill_strength", 0.5)):
        node[name].setValue(value)
    plain = words()
    assert not [word for word in plain if word.startswith(("--edge", "--despill", "--output"))]
    node["output"].setValue("rgba")
    assert words() == [
        *plain, "--output", "rgba", "--edge-colour", "plate", "--despill", "blue", "--despill-strength=0.5",
    ]  # fmt: skip
    node["output"].setValue("fg")
    assert words() == [*plain, "--output", "fg", "--despill", "blue", "--despill-strength=0.5"]
    # Colour comes in as it is: where its primaries would be others than the script's, Nuke converts first.
    for name, value in (("colorManagement", "OCIO"), ("workingSpaceLUT", "ACEScg")):
        nuke.root()[name].setValue(value)
    from flyaway_nuke.bake.colour import in_working_space

    assert [in_working_space(space) for space in ("ACEScg", "scene_linear", "srgb")] == [True, True, False]


def test_the_matte_tab_in_the_words_of_the_command_line(shot, host):
    from flyaway_nuke.bake.errors import BakeError
    from flyaway_nuke.bake.launcher import Cli
    from flyaway_nuke.bake.request import make_request

    nuke, _read, node, _blur, _merge = shot

    def words():
        command = make_request(node).command(Cli(("flyaway",), "test"))
        return command[command.index("cpu") + 1 : command.index("--raw")]

    assert not [word for word in words() if word.startswith(("--black", "--grow", "--subject"))]
    nuke.frame(1003)
    node["pick"].setValue(40, 0)
    node["pick"].setValue(100, 1)
    assert node["person"].value() == "point"
    for name, value in (
        ("black", 0.1),
        ("grow_edge", -0.5),
        ("fill_holes", 12),
        ("garbage", "roto.####.exr"),
    ):
        node[name].setValue(value)
    arguments = words()
    assert arguments[arguments.index("--black=0.1") :][:5] == [
        "--black=0.1", "--grow=-0.5", "--fill-holes=12",
        "--garbage", Path("roto.%04d.exr").absolute().as_posix(),
    ]  # fmt: skip
    height = node.input(0).height()
    assert arguments[-2:] == ["--subject", f"40,{height - 100}@1003"]
    node["gamma"].setExpression("frame / 10")
    with pytest.raises(BakeError, match="gamma is animated"):
        words()
