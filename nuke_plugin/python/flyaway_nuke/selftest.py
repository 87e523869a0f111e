"""What can be tested of an installation from inside Nuke, and a report of it. Leaves the script as it was."""

from __future__ import annotations

import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nuke

from . import cat, live
from .bake import host, node, request
from .bake.build import build
from .bake.diagnosis import diagnose
from .bake.session import Session

# Eileen Collins (NASA, public domain), 512 px square; beside the plug-in in an archive, else in the checkout.
_TOP = Path(__file__).resolve().parents[2]
PICTURES = (_TOP / "selftest.png", _TOP.parent / "examples" / "astronaut.png")
# Nuke counts rows from below; the suit fills that corner alone, so a matte upside down is found.
FACE, SUIT, WALL = (220, 392), (30, 30), (500, 480)
_GRID = [(x, y) for y in range(24, 512, 58) for x in range(24, 512, 58)]
# Knobs of a live node, a point, a channel, and between which values it must lie.
_LOOKS: list[tuple[str, dict[str, Any], tuple[int, int], str, float, float]] = [
    ("face", {}, FACE, "rgba.alpha", 0.9, 1.0),
    ("suit", {}, SUIT, "rgba.alpha", 0.9, 1.0),
    ("wall", {}, WALL, "rgba.alpha", 0.0, 0.1),
    ("invert", {"invert": True}, FACE, "rgba.alpha", 0.0, 0.1),
    ("mix 0", {"mix": 0.0, "invert": True}, WALL, "rgba.alpha", 0.0, 0.1),
    ("straight", {}, WALL, "rgba.red", 0.4, 0.7),
    ("premultiplied", {"output": 1}, WALL, "rgba.red", 0.0, 0.1),
    ("alpha in all", {"output": 2}, FACE, "rgba.green", 0.9, 1.0),
    ("foreground", {"output": 4}, FACE, "rgba.alpha", 0.9, 1.0),
    ("unknown regions", {"output": 3}, FACE, "rgba.blue", 0.9, 1.0),
    ("half size", {"downrez": 1}, FACE, "rgba.alpha", 0.9, 1.0),
    ("box shrunk by 60", {"grow": -60}, FACE, "rgba.alpha", 0.9, 1.0),
]


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
            result = action()
        except Exception as error:
            self.failed += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.lines.append(
                f"FAIL  {name}: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            )
        else:
            self.lines.append(f"ok    {name}: {result} ({time.time() - began:.1f} s)")

    def text(self) -> str:
        """The report."""
        verdict = "ALL PASSED" if self.passed else f"{self.failed} FAILED"
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        return "\n".join([f"Flyaway self-test, {live.VERSION}, {when}", *self.lines, verdict])


def run() -> Report:
    """All steps, in a group and a folder of their own that are deleted afterwards."""
    report, modified = Report(), bool(nuke.modified())
    report.step("Nuke", _about_nuke)
    report.step("files", _files)
    report.step("program", _program)
    report.step("cat", lambda: cat.find() or str(cat.build()))
    group = nuke.nodes.Group()
    try:
        with group, tempfile.TemporaryDirectory() as folder:
            scene = _Scene(Path(folder))
            report.step("Inference", scene.inference)
            report.step("live node", scene.live_node)
            report.step("live frame", scene.live_frame)
            report.step("knobs", scene.knobs)
            report.step("half precision", scene.half)
            report.step("bake", scene.bake)
            report.step("live and baked agree", scene.agree)
    finally:
        nuke.delete(group)
        nuke.modified(modified)
    return report


def show() -> None:
    """The menu's command: the report in a dialog, and in a file that can be sent."""
    text = run().text()
    path = Path.home() / ".nuke" / "flyaway_selftest.txt"
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        nuke.message(f"{text}\n\n{path} could not be written: {error.strerror}")
    else:
        nuke.message(f"{text}\n\nWritten to {path}: please send us that file.")


def picture() -> Path:
    """The photograph that the test is made with."""
    found = [path for path in PICTURES if path.is_file()]
    if not found:
        raise FileNotFoundError(f"{PICTURES[0]} is missing: it comes with the release archive")
    return found[0]


def _about_nuke() -> str:
    return f"{nuke.NUKE_VERSION_STRING}, Python {sys.version.split()[0]}, {platform.platform()}"


def _files() -> str:
    wanted = [cat.FOLDER / (cat.MODEL + ".pt"), cat.FOLDER / "cat.json"]
    missing = [path.name for path in wanted if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)} missing in {cat.FOLDER}")
    return f"{wanted[0].stat().st_size:,} bytes of model, {picture().name}"


def _program() -> str:
    found = diagnose(host=host.host_folder())
    if not found.ready:
        raise RuntimeError(found.text())
    return f"{found.version}; {', '.join(found.models)}; {', '.join(found.devices)}"


class _Scene:
    """Our nodes on a photograph, in the current group."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read = nuke.nodes.Read(file=picture().as_posix(), raw=True)
        self.live: nuke.Node | None = None
        self.copy: nuke.Node | None = None

    def inference(self) -> str:
        """What the node is like in this release: nothing is tested, it is for us to read."""
        made = nuke.nodes.Inference(modelFile=cat.find())
        usual = nuke.nodes.NoOp().knobs()
        return ", ".join(sorted(name for name in made.knobs() if name not in usual))

    def live_node(self) -> str:
        """Made as from the menu, with its callbacks."""
        self.live = nuke.createNode(live.GIZMO, "", False)
        self.live.setInput(0, self.read)
        self.live["colour"].setValue("sRGB")
        live.refresh(self.live)
        text, short = live.state(self.live)
        if short != "live":
            raise RuntimeError(text)
        return text

    def live_frame(self) -> str:
        """A frame to disk, as a render does it."""
        path = self.folder / "live.exr"
        write = nuke.nodes.Write(file=path.as_posix(), file_type="exr", channels="rgba")
        write.setInput(0, self.live)
        nuke.execute(write, 1, 1)
        if not path.is_file() or path.stat().st_size == 0:
            raise RuntimeError("Nuke rendered, and there is no file")
        if self.live is None or self.live.treeHasError():
            raise RuntimeError("the node reports an error; see the error console")
        return f"{path.stat().st_size:,} bytes"

    def knobs(self) -> str:
        """Each of them changes what it says, at a point where that can be told."""
        wrong = []
        for name, settings, at, channel, low, high in _LOOKS:
            value = self._with(settings, at, channel)
            if not low - 1e-3 <= value <= high + 1e-3:
                wrong.append(f"{name}: {channel} at {at} is {value:.3f}, not {low}..{high}")
        if wrong:
            raise RuntimeError("; ".join(wrong))
        return ", ".join(name for name, *_rest in _LOOKS)

    def half(self) -> str:
        """Half precision is a GPU's; on a CPU there is nothing to see."""
        inside = self.live.node(live.INFERENCE) if isinstance(self.live, nuke.Group) else None
        if inside is None or not inside["useGPUIfAvailable"].value():
            return "not tried: use GPU is off"
        inside["halfPrecision"].setValue(True)
        try:
            value = self._with({}, FACE, "rgba.alpha")
        finally:
            inside["halfPrecision"].setValue(False)
        if not 0.9 <= value <= 1.001:
            raise RuntimeError(f"the face's alpha is {value:.3f}")
        return f"the face's alpha is {value:.4f}"

    def bake(self) -> str:
        """The same photograph by our program, read back through the nodes that a bake makes."""
        baker = node.create(self.read)
        for name, value in (("in_space", "srgb"), ("folder", self.folder.as_posix())):
            baker[name].setValue(value)
        session = Session(host=host.host_folder())
        job = session.submit(request.make_request(baker))
        session.run(job)
        if job.state != "done":
            raise RuntimeError("\n".join([job.message, *job.log[-5:]]))
        _matte, self.copy = build(baker, job.request.folder)
        face, wall = (nuke.sample(self.copy, "rgba.alpha", *at) for at in (FACE, WALL))
        if face < 0.9 or wall > 0.1:
            raise RuntimeError(f"alpha is {face:.3f} on the face and {wall:.3f} on the wall")
        return job.message

    def agree(self) -> str:
        """One photograph, two ways: the same matte."""
        if self.live is None or self.copy is None:
            raise RuntimeError("one of the two was not made")
        ours, baked = self.live, self.copy
        off = [
            abs(nuke.sample(ours, "rgba.alpha", *at) - nuke.sample(baked, "rgba.alpha", *at)) for at in _GRID
        ]
        near = sum(each <= 0.02 for each in off)
        summary = f"{near} of {len(off)} points within 0.02, the furthest {max(off):.4f}"
        if near < 0.9 * len(off):
            raise RuntimeError(summary)
        return summary

    def _with(self, settings: dict[str, Any], at: tuple[int, int], channel: str) -> float:
        """A sample of the live node with some knobs set, which are put back."""
        if self.live is None:
            raise RuntimeError("there is no live node")
        before = {name: self.live[name].getValue() for name in settings}
        try:
            for name, value in settings.items():
                self.live[name].setValue(value)
            live.refresh(self.live)
            return float(nuke.sample(self.live, channel, *at))
        finally:
            for name, value in before.items():
                self.live[name].setValue(value)
            live.refresh(self.live)
