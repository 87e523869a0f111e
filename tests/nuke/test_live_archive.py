"""The release archive, unpacked: an artist needs nothing else, and what is in it works."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "tests" / "nuke" / "host"

# What Nuke does with the folder, by the strict fake: start-up file, gizmo, and the build of the .cat.
ARTIST = """
import sys
from pathlib import Path
from fake_nuke import functions, install
top = Path(sys.argv[1])
fake = install()
fake.state.paths[:] = []
functions.run_file(fake.state, top / "init.py")
from flyaway_nuke import cat
made = fake.nuke.createNode("PortraitMatte")
assert made["short_state"].value() == "cat not built", made["state"].value()
model = top / "Cattery" / "Flyaway" / "flyaway_fast.pt"
def create(node, frame):
    assert Path(node["torchScriptFile"].value()) == model, node["torchScriptFile"].value()
    model.with_suffix(".cat").write_bytes(b"what NukeX would write")
fake.state.on_render = create
assert cat.build() == model.with_suffix(".cat")
assert Path(cat.find()) == model.with_suffix(".cat"), cat.find()
print("built")
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the command that docs/nuke/live.md names."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, str(ROOT / "nuke_plugin" / "build.py"), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = out.iterdir()  # and nothing is left beside it
    return path


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home") / "dot nuke"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(home)
    (top,) = home.iterdir()
    return top


def test_it_holds_what_an_artist_needs_and_no_more(archive, unpacked):
    import flyaway

    assert archive.name == f"flyaway-nuke-{flyaway.__version__}.zip"
    assert unpacked.name == "flyaway"
    there = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {name for name in there if name.startswith("Cattery/")} == {
        "Cattery/Flyaway/cat.json",
        "Cattery/Flyaway/flyaway_fast.pt",
    }
    assert {name for name in there if "/" not in name} == {
        "INSTALL.txt",
        "build_cat.py",
        "init.py",
        "menu.py",
        "selftest.png",
        "selftest.py",
    }
    assert {"docs/colour.md", "docs/troubleshooting.md", "docs/checklist.md"} <= there
    assert {"docs/live.md", "docs/bake.md", "licences/model-fast.md", "gizmos/PortraitMatte.gizmo"} <= there
    ours = {path.name for path in (ROOT / "nuke_plugin" / "python").rglob("*.py")}
    assert {Path(name).name for name in there if name.startswith("python/")} == ours
    assert not [name for name in there if name.endswith((".pyc", ".cat")) or "make_icons" in name]


def test_the_model_in_it_mattes(unpacked, astronaut):
    live = torch.jit.load(str(unpacked / "Cattery" / "Flyaway" / "flyaway_fast.pt"))
    live.colour = 2
    plate = torch.from_numpy(astronaut[:300]).float().permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        alpha = live(plate)[0, 3]
    assert alpha[120, 220] > 0.95, "her face"
    assert alpha[20, 20] < 0.05, "the wall"


def test_nuke_finds_it_where_it_was_dropped(unpacked):
    environment = os.environ | {"PYTHONPATH": str(HOST)}
    done = subprocess.run(
        [sys.executable, "-c", ARTIST, str(unpacked)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "built"
