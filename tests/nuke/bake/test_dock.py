"""From the toolbar to the matte: a strict fake Nuke with a GUI, real Qt, the real program."""

from __future__ import annotations

import json
import os
import runpy
import sys

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def gui(host):
    """The fake with a GUI, and our init.py and menu.py run."""
    from .conftest import ROOT

    try:
        from flyaway_nuke.panel.qt import QtWidgets
    except ImportError as error:
        pytest.skip(f"no Qt for Python here ({error}): pip install PySide6 or PySide2")
    host.nuke.__dict__["GUI"] = True
    host.state.paths.clear()
    plugin = ROOT / "nuke_plugin"
    host.nuke.pluginAddPath(str(plugin))
    sys.modules["nukescripts"].__dict__["panels"] = host.nukescripts
    runpy.run_path(str(plugin / "menu.py"))
    return host, QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


def wait(loop):
    """Qt 6 renamed it."""
    (loop.exec if hasattr(loop, "exec") else loop.exec_)()


def test_select_a_read_press_bake_get_a_matte(gui, sequence, tmp_path):
    host, _app = gui
    nuke = host.nuke
    from flyaway_nuke.bake.host import session
    from flyaway_nuke.panel.qt import QtCore

    ((widget, name),) = host.state.panels.values()
    assert name == "Flyaway"
    # As registerWidgetAsPanel makes it: the text is evaluated, and called without arguments.
    panel = eval(widget)()  # noqa: S307
    panel.show()
    # The program says what it has, from another thread.
    ended = QtCore.QEventLoop()
    guard = QtCore.QTimer()
    guard.setSingleShot(True)
    guard.timeout.connect(ended.quit)
    guard.start(240_000)
    panel.found.connect(lambda _found: ended.quit())
    wait(ended)
    assert "cpu" in [panel.head.device.itemText(row) for row in range(panel.head.device.count())]
    assert panel.head.model.findText("fast") >= 0
    assert panel.head.setup.text() == "Set-up"
    panel.head.bake.click()
    assert ("message", "Select Reads or FlyawayBake nodes first.") in host.state.messages
    read = nuke.nodes.Read(file=(sequence / "plate.%04d.exr").as_posix(), first=1001, last=1003)
    grade = nuke.nodes.Grade(inputs=[read])
    read.selectOnly()
    panel.head.device.setCurrentText("cpu")
    panel.head.bake.click()
    (job,) = session().jobs
    node = nuke.toNode("FlyawayBake1")
    assert node.input(0) is read
    assert grade.input(0) is read, "what hung on the Read hangs there still"
    grade.setInput(0, node)
    session().listeners.append(lambda each: ended.quit() if not each.active else None)
    wait(ended)
    assert job.state == "done", job.log
    assert grade.input(0).Class() == "Copy"
    assert node["state"].value().startswith("3 of 3 frames")
    assert panel.wipe.has_picture()
    assert panel.foot.words.text().startswith("3 of 3")
    node["chunk"].setValue(2)
    panel.foot.farm.click()
    assert "Written" in panel.log.toPlainText()
    template = json.loads((job.request.folder / "job.template.json").read_text())
    (frames,) = template["steps"][0]["parameterSpace"]["taskParameterDefinitions"]
    assert frames["chunks"]["defaultTaskCount"] == 2
    # The node is deleted, and the panel's button says so instead of raising into Nuke.
    nuke.delete(node)
    panel.foot.build.click()
    assert "no longer in the script" in host.state.messages[-1][1]
    panel.close()


def test_the_toolbar_has_everything(gui):
    host, _app = gui
    menu = host.state.toolbars["Nodes"].findItem("Flyaway")
    assert [item.name() for item in menu.items()] == [
        "PortraitMatte (live)",
        "Bake",
        "Bakes panel",
        "Relink bakes...",
        "Check set-up",
        "Build the live model...",
        "Test this installation...",
    ]
    read = host.nuke.nodes.Read()
    blur = host.nuke.nodes.Blur(inputs=[read])
    read.selectOnly()
    menu.findItem("Bake").invoke()
    node = host.nuke.toNode("FlyawayBake1")
    assert (node.Class(), node.input(0), blur.input(0)) == ("Group", read, node)
    assert host.nuke.selectedNodes() == [node]
    assert node["model"].value() == "fast"


def test_two_reads_get_a_bake_each_and_keep_what_hangs_on_them(gui, monkeypatch):
    host, _app = gui
    from flyaway_nuke.bake import node as bakes
    from flyaway_nuke.bake.build import bake_nodes
    from flyaway_nuke.panel.dock import bake_selected

    asked = []
    monkeypatch.setattr(bakes, "bake", asked.append)
    reads = [host.nuke.nodes.Read(), host.nuke.nodes.Read()]
    blurs = [host.nuke.nodes.Blur(inputs=[read]) for read in reads]
    for read in reads:
        read.setSelected(True)
    bake_selected("fast", "cpu")
    assert sorted(node.input(0).name() for node in asked) == ["Read1", "Read2"]
    assert [blur.input(0) for blur in blurs] == reads
    # Selected themselves, they are baked again and no others are made.
    for node in (*reads, *asked):
        node.setSelected(node in asked)
    bake_selected("quality", "auto")
    assert len(asked) == 4
    assert len(bake_nodes()) == 2
    # What the panel offers is for new ones: these have their own.
    assert {(node["model"].value(), node["device"].value()) for node in asked} == {("fast", "cpu")}
