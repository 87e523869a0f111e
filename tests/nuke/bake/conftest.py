"""The bake's tests run as Nuke does: in a Python that has nothing of ours, beside one that has.

`FLYAWAY_TEST_PYTHON` names the Python with flyaway in it (this one, where it is installed here too). So
these files import neither numpy nor flyaway, and run on Python 3.9, 3.10 and 3.11 alike:
`pytest --confcutdir=tests/nuke tests/nuke/bake`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PIXELS = Path(__file__).with_name("pixels.py")
sys.path.insert(0, str(ROOT / "nuke_plugin" / "python"))


@pytest.fixture(scope="session")
def flyaway_python() -> str:
    """A Python in which flyaway is installed."""
    python = os.environ.get("FLYAWAY_TEST_PYTHON", sys.executable)
    found = subprocess.run([python, "-c", "import flyaway, OpenImageIO, onnxruntime"], capture_output=True)
    if found.returncode != 0:
        pytest.skip(f"flyaway is not installed in {python}: name a Python that has it in FLYAWAY_TEST_PYTHON")
    return python


@pytest.fixture
def environ(flyaway_python, tmp_path):
    """What a host's environment is like, with our program named in it."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FLYAWAY_NUKE")}
    return {
        **kept,
        "FLYAWAY_CLI": f"{flyaway_python} -m flyaway",
        "FLYAWAY_NUKE_PREFERENCES": str(tmp_path / "preferences.json"),
        "HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="session")
def pixels(flyaway_python):
    """`pixels("write", folder, …)`, `pixels("look", file)` → JSON: EXRs made and read by the other Python."""

    def call(*arguments: object):
        done = subprocess.run(
            [flyaway_python, str(PIXELS), *map(str, arguments)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture(scope="session")
def sequence(pixels, tmp_path_factory):
    """Four plates, made once; copy them before changing them."""
    folder = tmp_path_factory.mktemp("sequence")
    pixels("write", folder, 1001, 1004)
    return folder


@pytest.fixture
def host(tmp_path, monkeypatch, environ):
    """A strict fake Nuke without GUI, with our gizmos on its path and our program in its environment."""
    yield from fake_nuke(tmp_path, monkeypatch, environ)


@pytest.fixture
def comp(tmp_path, monkeypatch):
    """The same with a stand-in for our program, where no pixels matter: quick, on every Python."""
    words = {
        "FLYAWAY_CLI": f"{sys.executable} {Path(__file__).with_name('stub_worker.py')}",
        "FLYAWAY_NUKE_PREFERENCES": str(tmp_path / "preferences.json"),
        "HOME": str(tmp_path),
    }
    for fake in fake_nuke(tmp_path, monkeypatch, words):
        yield Comp(fake, tmp_path)


class Comp:
    """A script under work, as an artist handles it."""

    def __init__(self, fake, folder):
        self.fake, self.nuke, self.state, self.folder = fake, fake.nuke, fake.state, folder
        self.renders = []
        fake.state.on_render = self._render

    def plates(self, name, frames=range(1, 4)):
        """A "sequence" of texts; its pattern."""
        (self.folder / name).mkdir(exist_ok=True)
        for frame in frames:
            (self.folder / name / f"plate.{frame:04d}.exr").write_text(f"{name} {frame}")
        return (self.folder / name / "plate.%04d.exr").as_posix()

    def read(self, name="a", frames=range(1, 4)):
        """A Read of such a sequence."""
        source = self.plates(name, frames)
        return self.nuke.nodes.Read(file=source, first=frames[0], last=frames[-1])

    def bake_node(self, below):
        """A fresh bake node."""
        from flyaway_nuke.bake.node import create

        return create(below)

    def ask_for(self, node, frames):
        """Have a node bake these frames, whatever its plate has."""
        node["range"].setValue("custom")
        node["frames"].setValue(frames)

    def bake(self, node, button="do_bake"):
        """Press a button; how many frames Nuke rendered for that."""
        before = len(self.renders)
        node[button].execute()
        return len(self.renders) - before

    def paste(self, *nodes):
        """Copy nodes and paste them: what Nuke's clipboard does, hidden knobs and all."""
        for node in self.nuke.allNodes():
            node.setSelected(node in nodes)
        before = self.nuke.allNodes()
        self.nuke.nodeCopy(str(self.folder / "clipboard.nk"))
        self.nuke.nodePaste(str(self.folder / "clipboard.nk"))
        return [node for node in self.nuke.allNodes() if node not in before]

    def words(self, node):
        """The command line that a bake of the node would be."""
        from flyaway_nuke.bake.launcher import Cli
        from flyaway_nuke.bake.request import make_request

        return make_request(node).command(Cli(("flyaway",), "test"))

    def _render(self, write, frame):
        self.renders.append((frame, write["channels"].value(), self.nuke.root()["proxy"].value()))
        Path(write["file"].evaluate(frame)).write_text(f"render {len(self.renders)} {frame}")


def fake_nuke(tmp_path, monkeypatch, environ):
    """Installed as `nuke`, and gone with all that imported it."""
    if not any((Path(path) / "nuke-stubs").is_dir() for path in sys.path):
        pytest.skip("types-nuke is not installed in this Python: pip install types-nuke")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    sys.path.insert(0, str(ROOT / "tests" / "nuke" / "host"))
    from fake_nuke import install

    fake = install(gui=False)
    fake.state.paths[:] = [str(ROOT / "nuke_plugin" / "gizmos")]
    fake.state.root["name"].setValue((tmp_path / "shot.nk").as_posix())
    yield fake
    fake.uninstall()
    # What imported the fake must not be found by the next test.
    for name in [name for name in sys.modules if name.startswith("flyaway_nuke")]:
        del sys.modules[name]


@pytest.fixture
def shot(host, sequence, tmp_path):
    """A Read of three plates, a bake node below it, and a Blur and a Merge below that."""
    (tmp_path / "plates").mkdir()
    for frame in (1001, 1002, 1003):
        shutil.copy2(sequence / f"plate.{frame}.exr", tmp_path / "plates")
    nuke = host.nuke
    read = nuke.nodes.Read(file=(tmp_path / "plates" / "plate.%04d.exr").as_posix(), first=1001, last=1003)
    from flyaway_nuke.bake.node import create

    node = create(read)
    node["device"].setValue("cpu")
    blur = nuke.nodes.Blur(inputs=[node])
    merge = nuke.nodes.Merge2(inputs=[read, node])
    return nuke, read, node, blur, merge
