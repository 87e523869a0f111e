"""The panel's pictures in these pages: real bakes of a real picture, the real panel, drawn off screen.

    FLYAWAY_TEST_PYTHON=…/python python docs/nuke/make_screenshots.py FOLDER

with PySide6 or PySide2 in the Python that runs it, and flyaway in the one that is named. Outside Nuke
there is no Nuke to draw the surroundings: a palette of its greys stands in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "nuke_plugin" / "python"))

from flyaway_nuke.bake.cache import Cache  # noqa: E402
from flyaway_nuke.bake.diagnosis import Check, Diagnosis, diagnose  # noqa: E402
from flyaway_nuke.bake.job import Job, Request, Settings  # noqa: E402
from flyaway_nuke.bake.launcher import install_commands  # noqa: E402
from flyaway_nuke.bake.session import Session  # noqa: E402
from flyaway_nuke.panel.qt import QtCore, QtGui, QtWidgets  # noqa: E402
from flyaway_nuke.panel.setup import Setup  # noqa: E402
from flyaway_nuke.panel.window import Actions, Panel  # noqa: E402

PYTHON = os.environ.get("FLYAWAY_TEST_PYTHON", sys.executable)
PIXELS = ROOT / "tests" / "nuke" / "bake" / "pixels.py"


def nuke_greys(app: QtWidgets.QApplication) -> None:
    """Colours like Nuke's default theme."""
    app.setStyle("Fusion")
    palette = QtGui.QPalette()
    for role, value in (
        (QtGui.QPalette.Window, "#323232"),
        (QtGui.QPalette.WindowText, "#c8c8c8"),
        (QtGui.QPalette.Base, "#282828"),
        (QtGui.QPalette.AlternateBase, "#2e2e2e"),
        (QtGui.QPalette.Text, "#c8c8c8"),
        (QtGui.QPalette.Button, "#484848"),
        (QtGui.QPalette.ButtonText, "#c8c8c8"),
        (QtGui.QPalette.Highlight, "#f7931e"),
        (QtGui.QPalette.HighlightedText, "#1c1c1c"),
        (QtGui.QPalette.ToolTipBase, "#484848"),
        (QtGui.QPalette.ToolTipText, "#c8c8c8"),
    ):
        palette.setColor(role, QtGui.QColor(value))
    palette.setColor(QtGui.QPalette.Disabled, QtGui.QPalette.ButtonText, QtGui.QColor("#777777"))
    app.setPalette(palette)
    font = QtGui.QFont("DejaVu Sans")
    font.setPixelSize(11)
    app.setFont(font)


def plates(folder: Path, first: int, last: int, left: int, flip: str = "") -> str:
    """A sequence on disk, as a pattern."""
    command = [PYTHON, str(PIXELS), "shot", str(folder), str(first), str(last), str(left), flip]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 -- our own script
    return (folder / "plate.%04d.exr").as_posix()


def settle(app: QtWidgets.QApplication) -> None:
    """Let thumbnails come in."""
    for _ in range(200):
        app.processEvents()


def bakes(work: Path, environ: dict[str, str]) -> tuple[Session, list[Job]]:
    """Four bakes: done, with a broken plate, on its way, waiting."""
    session = Session(environ)
    cache = Cache(work / "bakes")

    def ask(title: str, source: str, first: int, last: int, coarse_only: bool = False) -> Job:
        frames, settings = tuple(range(first, last + 1)), Settings(coarse_only=coarse_only)
        folder = cache.folder(title, source, frames, settings)
        return session.submit(Request(title, source, frames, folder, settings, "cpu"))

    done = ask("ab010_eileen", plates(work / "a", 1001, 1024, 20), 1001, 1024)
    session.run(done)
    source = plates(work / "b", 1001, 1012, 24, "flip")
    broken = work / "b" / "plate.1007.exr"
    broken.write_bytes(broken.read_bytes()[:2000])
    failed = ask("ab020_eileen_reverse", source, 1001, 1012)
    session.run(failed)
    running = ask("ab030_eileen_close", plates(work / "c", 1, 60, 16), 1, 60)
    waiting = ask("ab040_eileen", plates(work / "d", 88, 121, 30), 88, 121)
    while len(running.frames) < 26:
        session.tick()
    return session, [done, failed, running, waiting]


def grab(widget: QtWidgets.QWidget, path: Path) -> None:
    """Draw a widget into a file."""
    widget.grab().save(str(path))
    print(path)


def draw(app: QtWidgets.QApplication, work: Path, out: Path) -> None:
    """The panel."""
    environ = {**os.environ, "FLYAWAY_CLI": f"{PYTHON} -m flyaway"}
    nothing = Actions(
        bake_selected=lambda *_: None, build=lambda _: None, submit=lambda _: "", setup=lambda: None
    )
    empty = Panel(Session(environ), nothing)
    empty.resize(1000, 640)
    empty.show()
    grab(empty, out / "panel_empty.png")
    empty.close()
    session, (done, failed, running, _waiting) = bakes(work, environ)
    panel = Panel(session, nothing)
    panel.resize(1000, 640)
    panel.show()
    panel.cards.choose(running)
    session.tick()
    settle(app)
    grab(panel, out / "panel.png")
    panel.cards.choose(done)
    panel.wipe.set_split(0.42)
    panel.wipe.set_behind("green")
    panel.views.backs.button(2).setChecked(True)
    panel.views.show_log.setChecked(True)
    settle(app)
    grab(panel, out / "panel_done.png")
    panel.views.show_log.setChecked(False)
    panel.cards.choose(failed)
    panel.strip.chosen.emit(6)
    for frame, words in failed.problems.items():  # a shot lies somewhere else than in a temporary folder
        failed.problems[frame] = words.replace(str(work), "/show/shots")
    failed.message = failed.message.replace(str(work), "/show/shots")
    panel.refresh()
    settle(app)
    grab(panel, out / "panel_failed.png")
    panel.cards.choose(running)
    panel.views.views.button(1).click()
    panel.resize(420, 760)
    settle(app)
    grab(panel, out / "panel_narrow.png")
    session.cancel(running)
    session.cancel(_waiting)
    session.run(running)


def draw_setup(app: QtWidgets.QApplication, out: Path) -> None:
    """The wizard, on a machine without our program and on this one."""
    environ = {**os.environ, "FLYAWAY_CLI": f"{PYTHON} -m flyaway"}
    missing = Diagnosis(
        (
            Check(
                "Program",
                "bad",
                "The flyaway program was not found: FLYAWAY_CLI is not set, no preference names it,"
                " it is not on PATH and not in /home/eileen/.flyaway/env.",
                f"In a terminal, once:\n{install_commands({'HOME': '/home/eileen'})}\nOr choose the program.",
            ),
            Check("Version", "open", "not tried yet"),
            Check("Weights", "open", "not tried yet"),
            Check("Device", "open", "not tried yet"),
        )
    )
    for name, ask in (("setup_missing", lambda: missing), ("setup_ready", lambda: shown(diagnose(environ)))):
        dialog = Setup(ask=ask)
        dialog.wait()
        settle(app)
        dialog.resize(600, 60)
        dialog.show()
        settle(app)
        grab(dialog, out / f"{name}.png")


def shown(found: Diagnosis) -> Diagnosis:
    """A diagnosis without this machine's own paths."""
    program = Check("Program", "good", "/home/eileen/.flyaway/env/bin/flyaway (by its usual place)")
    return Diagnosis((program, *found.checks[1:]), found.cli, found.version, found.models, found.devices)


def main() -> None:
    """Draw into the folder that is named."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    app = QtWidgets.QApplication([])
    print("Qt", QtCore.qVersion())
    nuke_greys(app)
    draw_setup(app, out)
    with tempfile.TemporaryDirectory() as work:
        draw(app, Path(work), out)


if __name__ == "__main__":
    main()
