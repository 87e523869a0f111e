"""From the toolbar to the matte: a strict fake Nuke with a GUI, real Qt, the real program."""

from __future__ import annotations

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
    assert "cpu" in [panel.device.itemText(row) for row in range(panel.device.count())]
    assert panel.model.findText("fast") >= 0
    assert panel.setup.text() == "Set-up"
    panel.bake.click()
    assert ("message", "Select Reads or FlyawayBake nodes first.") in host.state.messages
    read = nuke.nodes.Read(file=(sequence / "plate.%04d.exr").as_posix(), first=1001, last=1003)
    grade = nuke.nodes.Grade(inputs=[read])
    read.selectOnly()
    panel.device.setCurrentText("cpu")
    panel.bake.click()
    (job,) = session().jobs
    (node,) = nuke.allNodes("FlyawayBake")
    grade.setInput(0, node)
    session().listeners.append(lambda each: ended.quit() if not each.active else None)
    wait(ended)
    assert job.state == "done", job.log
    assert grade.input(0).Class() == "Copy"
    assert node["state"].value().startswith("3 of 3 frames")
    assert panel.wipe.has_picture()
    assert panel.words.text().startswith("3 of 3")
    panel.farm.click()
    assert "Written" in panel.log.toPlainText()
    # The node is deleted, and the panel's button says so instead of raising into Nuke.
    nuke.delete(node)
    panel.build.click()
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
    menu.findItem("Bake").invoke()
    assert host.nuke.allNodes("FlyawayBake")
