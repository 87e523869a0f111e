"""The panel, drawn off screen by this Python's real Qt: what it shows is what the session did."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
try:
    from flyaway_nuke.panel.qt import QtCore, QtGui, QtWidgets
except ImportError as error:
    pytest.skip(f"no Qt for Python here ({error}): pip install PySide6 or PySide2", allow_module_level=True)

from flyaway_nuke.bake.diagnosis import Check, Diagnosis
from flyaway_nuke.bake.errors import BakeError
from flyaway_nuke.bake.events import Event
from flyaway_nuke.bake.job import Request
from flyaway_nuke.bake.launcher import Cli
from flyaway_nuke.bake.session import Session
from flyaway_nuke.panel import images, pump
from flyaway_nuke.panel.setup import Setup
from flyaway_nuke.panel.window import Actions, Panel

RED, BLUE = QtGui.QColor(200, 30, 20), QtGui.QColor(20, 30, 200)


@pytest.fixture(scope="module")
def app():
    """The one application of this process."""
    return QtWidgets.QApplication.instance() or QtWidgets.QApplication([])


@pytest.fixture
def settle(app):
    """Let events and thumbnails come in."""

    def wait() -> None:
        for _ in range(50):
            app.processEvents()

    return wait


def preview(path: Path, colour: QtGui.QColor = RED, alpha: int = 255) -> Path:
    """A preview as our program writes it: the left half is not the person."""
    image = QtGui.QImage(64, 36, QtGui.QImage.Format_ARGB32)
    image.fill(QtGui.QColor(colour.red(), colour.green(), colour.blue(), alpha))
    for x in range(32):
        for y in range(36):
            image.setPixelColor(x, y, QtGui.QColor(BLUE.red(), BLUE.green(), BLUE.blue(), 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    assert image.save(str(path))
    return path


@pytest.fixture
def shown(app, tmp_path):
    """(panel, session, job): a bake of ten frames that is running, on a panel."""
    session = Session({})
    job = session.submit(Request("sh010", "/x.%04d.exr", tuple(range(1001, 1011)), tmp_path / "bake"))
    job.begin()
    asked = []
    actions = Actions(
        bake_selected=lambda model, device: asked.append((model, device)),
        resume=lambda each: asked.append(("resume", each)),
        build=lambda each: asked.append(("build", each)),
        submit=lambda each: asked.append(("submit", each)) or "Written: job.json",
    )
    panel = Panel(session, actions, devices=("auto", "cpu"))
    panel.asked = asked
    panel.resize(1000, 640)
    panel.show()
    yield panel, session, job
    panel.close()


def done(panel, job, frame, status="written", text=""):
    """A frame came to its end."""
    if status != "failed":
        preview(job.request.preview(frame))
    job.take(Event("frame", frame=frame, status=status, text=text))
    panel._changed(job)


def at(widget, x, y) -> QtGui.QColor:
    """The colour that is drawn there."""
    return QtGui.QColor(widget.grab().toImage().pixel(round(x), round(y)))


def near(one, other, by=12) -> bool:
    return all(
        abs(a - b) <= by
        for a, b in ((one.red(), other.red()), (one.green(), other.green()), (one.blue(), other.blue()))
    )


def test_it_follows_the_bake_frame_by_frame(shown, settle):
    panel, _session, job = shown
    assert panel.foot.words.text().startswith("0 of 10")
    assert not panel.wipe.has_picture()
    done(panel, job, 1001)
    done(panel, job, 1002)
    settle()
    assert panel.wipe.has_picture()
    assert panel._index == 1
    assert panel.foot.words.text().startswith("2 of 10")
    assert "left" in panel.foot.words.text()
    assert (panel.foot.stop.isVisible(), panel.foot.resume.isVisible()) == (True, False)
    assert "frame 1002 written" in panel.log.toPlainText()
    job.end(0)
    job.state = "done"
    panel._changed(job)
    assert (panel.foot.stop.isVisible(), panel.foot.resume.isVisible()) == (False, True)


def test_the_wipe_shows_plate_left_and_comp_right_of_the_line(shown, settle):
    panel, _session, job = shown
    done(panel, job, 1001)
    settle()
    wipe, rect = panel.wipe, panel.wipe.frame_rect()
    y = rect.top() + rect.height() * 0.8
    left, right = rect.left() + rect.width() * 0.2, rect.left() + rect.width() * 0.8
    wipe.set_split(1.0)
    assert near(at(wipe, left, y), BLUE)
    assert near(at(wipe, right, y), RED)
    wipe.set_split(0.0)
    for name, colour in (("black", QtGui.QColor("black")), ("green", QtGui.QColor(0, 177, 64))):
        wipe.set_behind(name)
        assert near(at(wipe, left, y), colour)
        assert near(at(wipe, right, y), RED)
    wipe.set_behind("checker")
    row = {at(wipe, left + step, y).name() for step in range(0, 40, 2)}
    assert {QtGui.QColor(72, 72, 72).name(), QtGui.QColor(96, 96, 96).name()} <= row
    wipe.set_after("matte")
    assert near(at(wipe, left, y), QtGui.QColor("black"))
    assert near(at(wipe, right, y), QtGui.QColor("white"))
    wipe.set_after("plate")
    assert near(at(wipe, left, y), BLUE)


def mouse(widget, kind, where, button=None):
    """A mouse event."""
    button = QtCore.Qt.LeftButton if button is None else button
    event = QtGui.QMouseEvent(kind, where, button, button, QtCore.Qt.NoModifier)
    QtWidgets.QApplication.sendEvent(widget, event)


def test_the_line_is_dragged_and_the_wheel_zooms(shown, settle):
    panel, _session, job = shown
    done(panel, job, 1001)
    settle()
    wipe, rect = panel.wipe, panel.wipe.frame_rect()
    start, end = rect.center(), QtCore.QPointF(rect.left() + rect.width() * 0.25, rect.center().y())
    mouse(wipe, QtCore.QEvent.MouseButtonPress, start)
    mouse(wipe, QtCore.QEvent.MouseMove, end)
    mouse(wipe, QtCore.QEvent.MouseButtonRelease, end)
    assert wipe.split() == pytest.approx(0.25, abs=0.01)
    wheel = QtGui.QWheelEvent(
        end, end, QtCore.QPoint(), QtCore.QPoint(0, 480), QtCore.Qt.NoButton, QtCore.Qt.NoModifier,
        QtCore.Qt.NoScrollPhase, False,
    )  # fmt: skip
    QtWidgets.QApplication.sendEvent(wipe, wheel)
    after = wipe.frame_rect()
    assert after.width() > rect.width() * 1.5
    # What was below the pointer still is.
    assert (end.x() - after.left()) / after.width() == pytest.approx(0.25, abs=0.01)
    wipe.fit()
    assert wipe.frame_rect() == rect


def test_scrubbing_stops_following_and_a_failed_frame_says_why(shown, settle):
    panel, _session, job = shown
    done(panel, job, 1001)
    done(panel, job, 1002, "failed", "plate.1002.exr: truncated")
    done(panel, job, 1003)
    settle()
    strip = panel.strip
    assert [strip.index_at(x) for x in (0, strip.width() / 2, strip.width())] == [0, 5, 9]
    mouse(strip, QtCore.QEvent.MouseButtonPress, QtCore.QPointF(strip.width() * 0.15, 20))
    assert panel._index == 1
    assert not panel.views.follow.isChecked()
    assert not panel.wipe.has_picture()
    assert panel.wipe.words().startswith("Frame 1002 failed\nplate.1002.exr: truncated")
    done(panel, job, 1004)
    assert panel._index == 1
    panel.views.follow.setChecked(True)
    assert panel._index == 3
    # Its tick is red, among good ones.
    from flyaway_nuke.panel.theme import Theme

    width = (strip.width() - 8) / 10
    assert near(at(strip, 4 + width * 1.5, 64), Theme(strip).bad)
    assert near(at(strip, 4 + width * 0.3, 64), Theme(strip).good)


def test_buttons_ask_the_host_or_the_session(shown):
    panel, _session, job = shown
    panel.head.device.setCurrentText("cpu")
    panel.head.bake.click()
    done(panel, job, 1001)
    panel.foot.build.click()
    panel.foot.farm.click()
    assert panel.asked == [("fast", "cpu"), ("build", job), ("submit", job)]
    assert "Written: job.json" in panel.log.toPlainText()
    job.end(2, ("error: no such model",))
    panel._changed(job)
    assert panel.foot.words.text() == "no such model"
    panel.foot.resume.click()
    assert panel.asked[-1] == ("resume", job)


def test_a_panel_without_bakes_says_what_to_do_and_narrow_ones_stack(app):
    panel = Panel(Session({}))
    panel.resize(1000, 600)
    panel.show()
    assert panel.job() is None
    assert not panel.foot.open.isEnabled()
    assert panel.wipe.words() == "No bakes yet"
    assert panel._halves.orientation() == QtCore.Qt.Horizontal
    panel.resize(420, 700)
    assert panel.width() == 420
    assert panel._halves.orientation() == QtCore.Qt.Vertical
    assert not panel.head.bake.isVisible()
    panel.close()
    panel = Panel(Session({}), Actions(bake_selected=lambda model, device: None))
    assert "Press Bake." in panel.wipe.words()


def test_in_a_narrow_dock_what_is_chosen_stays_in_sight_and_nothing_is_cut(app, settle, tmp_path):
    session = Session({})
    for number in range(6):
        session.submit(Request(f"sh{number}", "/x.%04d.exr", (1, 2), tmp_path / str(number)))
    panel = Panel(session, Actions(bake_selected=lambda model, device: None, setup=lambda: None))
    font = QtGui.QFont()
    font.setPixelSize(11)  # Nuke's
    panel.setFont(font)
    panel.resize(1000, 640)
    panel.show()
    panel.cards.choose(session.jobs[4])
    panel.warn("Set-up needed", "the program is not there")
    panel.resize(420, 760)
    settle()
    card = panel.cards.visualRect(panel.cards.currentIndex())
    assert panel.cards.viewport().rect().contains(card)
    assert panel.head.bake.width() >= panel.head.bake.sizeHint().width()
    panel.close()


def test_a_bake_that_did_not_start_and_a_long_message_say_all_of_it(shown, settle):
    panel, _session, job = shown
    message = "The flyaway program was not found: " + "it is not there either, " * 12 + "nor there."
    job.fail(BakeError(message))
    panel._changed(job)
    settle()
    assert panel.wipe.words().startswith(f"This bake did not start\n{message}")
    assert panel.foot.words.text().endswith("…")
    assert panel.foot.words.whole() == panel.foot.words.toolTip() == message


def test_a_closed_panel_is_told_no_more_and_a_new_one_shows_everything(app, settle, tmp_path):
    session = Session({})
    panel = Panel(session)
    assert len(session.listeners) == 1
    panel.deleteLater()
    del panel
    app.sendPostedEvents(None, QtCore.QEvent.DeferredDelete)
    settle()
    assert session.listeners == []
    session.submit(Request("later", "/x.exr", (), tmp_path))
    assert Panel(session).job().request.title == "later"


def test_the_timer_moves_the_session_on_and_rests(app, tmp_path):
    (tmp_path / "plate.exr").write_bytes(b"x")

    def find(_environ):
        raise BakeError("there is no program")

    session = Session({}, find=find)
    job = session.submit(Request("a", str(tmp_path / "plate.exr"), (), tmp_path / "bake"))
    ended = QtCore.QEventLoop()
    session.listeners.append(lambda each: ended.quit() if not each.active else None)
    QtCore.QTimer.singleShot(20_000, ended.quit)
    pump.start(session)
    (ended.exec if hasattr(ended, "exec") else ended.exec_)()
    assert (job.state, job.message) == ("failed", "there is no program")
    for _ in range(200):
        app.processEvents(QtCore.QEventLoop.AllEvents, 20)
        if not pump._timers[id(session)].isActive():
            break
    assert not pump._timers[id(session)].isActive()


def test_a_file_that_is_no_picture_is_no_picture(app, tmp_path):
    (tmp_path / "odd.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 100)
    assert images.read(tmp_path / "odd.png").isNull()
    assert images.read(tmp_path / "gone.png").isNull()
    loader = images.Images()
    assert loader.thumbnail(tmp_path / "gone.png", 20) is None
    assert loader.thumbnail(tmp_path / "odd.png", 20) is None
    small = preview(tmp_path / "good.png")
    assert loader.thumbnail(small, 18) is None
    loader._load_some()
    assert loader.thumbnail(small, 18).height() == 18


def test_the_wizard_shows_each_check_and_remembers_the_program(app, settle, tmp_path, monkeypatch):
    monkeypatch.setenv("FLYAWAY_NUKE_PREFERENCES", str(tmp_path / "preferences.json"))
    answers = [
        Diagnosis((Check("Program", "bad", "not found", "pip install it"), Check("Version", "open", "-"))),
        Diagnosis((Check("Program", "good", "there"), Check("Version", "good", "0.1.0")), Cli(("f",), "x")),
    ]
    dialog = Setup(ask=lambda: answers.pop(0))
    dialog.wait()
    settle()
    assert dialog.head.text() == "Something is missing"
    assert (dialog.retry.isDefault(), dialog.leave.isDefault()) == (True, False)
    boxes = [box.toPlainText() for box in dialog.findChildren(QtWidgets.QPlainTextEdit)]
    assert boxes == ["pip install it"]
    dialog.take("/studio/flyaway")
    dialog.wait()
    settle()
    assert dialog.head.text() == "Ready to bake"
    assert (dialog.retry.isDefault(), dialog.leave.isDefault()) == (False, True)
    assert '"cli": "/studio/flyaway"' in (tmp_path / "preferences.json").read_text()
