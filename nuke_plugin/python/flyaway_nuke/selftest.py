"""What can be tested of an installation from inside Nuke, and a report of it. Changes no open script."""

from __future__ import annotations

import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nuke

from . import cat, live


@dataclass
class Report:
    """Lines for people, and whether all is well."""

    lines: list[str] = field(default_factory=list)
    failed: int = 0

    @property
    def passed(self) -> bool:
        """No step failed."""
        return self.failed == 0

    def step(self, name: str, action: Callable[[], str]) -> None:
        """Do one thing; whatever goes wrong becomes a line with its reason, and the next step runs."""
        began = time.time()
        try:
            said = action()
        except Exception as error:
            self.failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.lines.append(
                f"FAIL  {name}: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            )
        else:
            self.lines.append(f"ok    {name}: {said} ({time.time() - began:.1f} s)")

    def text(self) -> str:
        """The report."""
        verdict = "ALL PASSED" if self.passed else f"{self.failed} FAILED"
        return "\n".join(["Flyaway self-test", *self.lines, verdict])


def run() -> Report:
    """All steps, in a group of their own that is deleted afterwards."""
    report = Report()
    report.step("Nuke", _about_nuke)
    report.step("files", _files)
    report.step("cat", lambda: cat.find() or str(cat.build()))
    group = nuke.nodes.Group()
    try:
        with group:
            report.step("gizmo", _gizmo)
            report.step("live frame", _live_frame)
            report.step("bake node", lambda: nuke.createNode("FlyawayBake", "", False).Class())
    finally:
        nuke.delete(group)
    return report


def show() -> None:
    """The menu's command."""
    nuke.message(run().text())


def _about_nuke() -> str:
    return f"{nuke.NUKE_VERSION_STRING}, Python {sys.version.split()[0]}, {platform.platform()}"


def _files() -> str:
    wanted = [cat.FOLDER / (cat.MODEL + ".pt"), cat.FOLDER / "cat.json"]
    missing = [path.name for path in wanted if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)} missing in {cat.FOLDER}")
    return f"{wanted[0].stat().st_size:,} bytes of model"


def _gizmo() -> str:
    node = nuke.createNode(live.GIZMO, "", False)
    live.refresh(node)
    text, short = live.state(node)
    if short != "live":
        raise RuntimeError(text)
    return text


def _live_frame() -> str:
    """A checkerboard through the net: no person in it, so the matte must come out, and nearly empty."""
    plate = nuke.nodes.CheckerBoard2()
    node = nuke.createNode(live.GIZMO, "", False)
    node.setInput(0, plate)
    live.refresh(node)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "selftest.exr"
        write = nuke.nodes.Write(file=path.as_posix(), file_type="exr", channels="rgba")
        write.setInput(0, node)
        nuke.execute(write, 1, 1)
        if not path.is_file() or path.stat().st_size == 0:
            raise RuntimeError("Nuke rendered, and there is no file")
        size = path.stat().st_size
    if node.treeHasError():
        raise RuntimeError("the node reports an error; see the error console")
    return f"rendered, {size:,} bytes"
