"""The live gizmo's Python, the .cat build, menus and self-test on the strict fake."""

from __future__ import annotations

import importlib
import sys

import pytest


@pytest.fixture
def built(fake, tmp_path, monkeypatch):
    """As after "Build the live model": the .cat is found, and the Inference node has grown its knobs."""
    (tmp_path / "flyaway_fast.cat").write_bytes(b"cat")
    fake.state.paths.append(str(tmp_path))
    cat = importlib.import_module("flyaway_nuke.cat")
    made = fake.nuke.createNode("PortraitMatte")
    for knob in cat.model_knobs():
        made.node("Inference1").addKnob(knob)
    return made


def test_says_that_the_cat_is_not_built(fake):
    node = fake.nuke.createNode("PortraitMatte")
    assert "CAT NOT BUILT YET" in node["state"].value()
    assert "Bake" in node["state"].value()
    assert node["short_state"].value() == "cat not built"


def test_settings_reach_the_model_when_they_change(fake, built):
    inference = built.node("Inference1")
    built["colour"].setValue("ACEScg")
    assert inference["colour"].value() == "ACEScg"
    built["exposure"].setValue(1.5)
    assert inference["exposure"].value() == 1.5
    # Linked, not copied: an animated one would stand still otherwise.
    assert inference["exposure"].hasExpression()
    for name in ("black", "gamma", "grow", "soften", "fill_holes", "pick_x"):
        assert inference[name].hasExpression(), name
    built["subject"].setValue("largest")
    assert inference["subject"].value() == "largest"
    built["refine"].setValue(False)
    assert inference["refine"].value() is False
    built["output"].setValue("unknown regions")
    assert inference["output"].value() == "unknown regions"
    built["output"].setValue("premultiplied")
    assert inference["output"].value() == "plate and alpha"
    for shown in ("foreground + alpha", "premultiplied foreground"):
        built["output"].setValue(shown)
        assert inference["output"].value() == "foreground and alpha"
    # Colour that was worked out small would come back soft where the person is solid.
    built["downrez"].setValue("half")
    assert inference["output"].value() == "plate and alpha"
    assert "plate's colour" in built["state"].value()
    assert built["short_state"].value() == "live"


def test_a_cat_of_another_version_is_an_error(fake, built):
    inference = built.node("Inference1")
    inference.removeKnob(inference["exposure"])
    built["colour"].setValue("raw")
    assert built["state"].value().startswith("ERROR")
    assert "exposure" in built["state"].value()


def test_build_hands_catfilecreator_what_it_needs(fake, tmp_path):
    cat = importlib.import_module("flyaway_nuke.cat")
    with pytest.raises(cat.CatError, match="flyaway export nuke"):
        cat.build(tmp_path)
    (tmp_path / "flyaway_fast.pt").write_bytes(b"pt")
    knobs = {}

    def create(node, _frame):
        knobs.update({name: knob.value() for name, knob in node.knobs().items()})
        (tmp_path / "flyaway_fast.cat").write_bytes(b"cat")

    fake.state.on_render = create
    assert cat.build(tmp_path) == tmp_path / "flyaway_fast.cat"
    assert knobs["torchScriptFile"].endswith("flyaway_fast.pt")
    assert knobs["channelsIn"].count("rgba.") == 3
    assert knobs["channelsOut"].count("rgba.") == 4
    assert {"colour", "exposure", "output", "refine", "subject", *cat.NUMBERS} <= set(knobs)
    assert (knobs["white"], knobs["gamma"], knobs["grow"]) == (1.0, 1.0, 0.0)
    assert not fake.nuke.allNodes("CatFileCreator")
    fake.state.on_render = lambda node, frame: None
    with pytest.raises(cat.CatError, match="wrote no"):
        cat.build(tmp_path)


def test_the_menu_says_why_nothing_was_built(fake, monkeypatch, tmp_path):
    cat = importlib.import_module("flyaway_nuke.cat")
    monkeypatch.setattr(cat.build, "__defaults__", (tmp_path,))
    cat.build_from_menu()
    assert "was not built" in fake.state.messages[-1][1]


def test_start_up_files(fake, plugin):
    functions = importlib.import_module("fake_nuke.functions")
    fake.state.paths[:] = []
    functions.run_file(fake.state, plugin / "init.py")
    assert [path.rsplit("nuke_plugin/", 1)[-1] for path in fake.state.paths] == [
        "python",
        "Cattery/Flyaway",
        "icons",
        "gizmos",
    ]


def test_bake_instead_takes_the_same_plate_and_nothing_else(fake, built):
    nuke = fake.nuke
    live = importlib.import_module("flyaway_nuke.live")
    assert live.bake_instead(built) is None
    assert "Connect the plate" in fake.state.messages[-1][1]
    read = nuke.nodes.Read()
    built.setInput(0, read)
    blur = nuke.nodes.Blur(inputs=[built])
    built.selectOnly()
    bake = live.bake_instead(built)
    assert bake.input(0) is read
    assert blur.input(0) is built, "what hangs on the live node is left alone"


def test_selftest_reports_and_cleans_up(fake, built, monkeypatch):
    monkeypatch.setenv("FLYAWAY_CLI", "/nowhere")
    selftest = importlib.import_module("flyaway_nuke.selftest")
    before = len(fake.nuke.allNodes())
    report = selftest.run()
    assert not report.passed
    text = report.text()
    assert "FAIL  files" in text
    assert "FAIL  program" in text
    assert "FLYAWAY_CLI names /nowhere" in text, "what is missing, and not only that something is"
    assert "FAILED" in text
    assert "ok    Nuke: 15.1v1" in text
    assert "ok    Inference: " in text
    assert "useGPUIfAvailable" in text
    assert len(fake.nuke.allNodes()) == before
    assert not fake.nuke.modified()


def test_only_the_standard_library_qt_and_nuke_are_imported(plugin):
    """Each file parses as Python 3.9, and imports nothing that Nuke does not have."""
    import ast

    allowed = {"nuke", "nukescripts", "PySide2", "PySide6", "shiboken2", "shiboken6", "flyaway_nuke"}
    # What Python 3.9 has, where this test runs on a later one too.
    standard = set(getattr(sys, "stdlib_module_names", ())) - {"tomllib"}
    for path in plugin.rglob("*.py"):
        if path.name in ("make_icons.py", "build.py"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            strange = [name for name in names if name.split(".")[0] not in allowed | standard]
            assert not strange or not standard, f"{path.name} imports {strange}"
