"""The release: one command, files that a machine without a checkout can use, and sums that hold."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
# What the Python package index takes unasked.
MOST_BYTES = 100_000_000
WHEELS = {  # and where each holds weights
    "flyaway": "flyaway/_models/weights/",
    "flyaway_earlier_weights": "flyaway_earlier_weights/",
    "flyaway_earlier_torch_weights": "flyaway_earlier_torch_weights/",
}


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The script at the repository's root."""
    sys.path.insert(0, str(ROOT))
    try:
        import release as module
    finally:
        sys.path.pop(0)
    return module


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """A folder with all wheels, as the command leaves it, over what an older release left."""
    out = tmp_path_factory.mktemp("dist")
    for name in WHEELS:
        (out / f"{name}-0.0.1-py3-none-any.whl").write_bytes(b"old")
    (out / "notes.txt").write_text("mine")
    parts = ("wheel", "earlier", "earlier-torch")
    command = [
        sys.executable,
        str(ROOT / "release.py"),
        *(f"--only={part}" for part in parts),
        f"--out={out}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "what to install" in done.stdout
    return out


def test_one_release_lies_there_with_its_sums(dist, release):
    names = sorted(path.name for path in dist.iterdir())
    wheels = [name for name in names if name.endswith(".whl")]
    assert {name.split("-")[0] for name in wheels} == set(WHEELS)
    assert names == sorted([*wheels, "INSTALL.md", "SHA256SUMS", "notes.txt"])
    assert {name.split("-")[1] for name in wheels} == {release.version()}
    listed = [line.split("  ") for line in (dist / "SHA256SUMS").read_text("utf-8").splitlines()]
    assert [name for _, name in listed] == [*wheels, "INSTALL.md"]
    assert all(release.digest(dist / name) == digest for digest, name in listed)
    page = (dist / "INSTALL.md").read_text("utf-8")
    wheel, *earlier = wheels
    assert f"pip install './{wheel}[cpu,movie]'" in page
    assert all(f"pip install ./{name}" in page for name in earlier)


def test_the_wheel_is_whole(dist, release):
    (wheel,) = dist.glob("flyaway-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    for name in (
        "flyaway/cli/app.py",
        "flyaway/_models/weights/manifest.json",
        "flyaway/_models/cards/fast.md",
    ):
        assert name in held
    metadata = f"flyaway-{release.version()}.dist-info/METADATA"
    assert metadata in held


def test_every_listed_file_is_in_one_wheel_and_all_are_small(dist, release):
    """Current weights in the first with the manifest of all, those that came before in two."""
    held = {}
    for name, top in WHEELS.items():
        (wheel,) = dist.glob(f"{name}-*.whl")
        assert wheel.stat().st_size < MOST_BYTES
        with zipfile.ZipFile(wheel) as archive:
            held[name] = {
                path.removeprefix(top): archive.getinfo(path).file_size
                for path in archive.namelist()
                if path.startswith(top)
            }
            if name == "flyaway":
                manifest = json.loads(archive.read(f"{top}manifest.json"))
    current, earlier, copies = held.values()
    assert not [path for path in current if "@" in path]
    entries = [*manifest["models"].values(), *manifest["earlier"].values()]
    listed = {file["path"]: file["bytes"] for entry in entries for file in entry["files"].values()}
    assert manifest["earlier"]
    for path, size in listed.items():
        apart = copies if path.endswith(".safetensors") else earlier
        assert (apart if "@" in path else current)[path] == size
    files = [path for wheel in held.values() for path in wheel if path.endswith((".onnx", ".safetensors"))]
    assert sorted(files) == sorted(listed)
    for wheel in (earlier, copies):
        for entry in entries:
            assert entry["card"] in wheel
            assert any(f"{entry['licence']}.txt" == path.removeprefix("LICENSES/") for path in wheel)


def test_the_extras_ask_for_the_wheels_of_the_same_number(release):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert extras["earlier"] == [f"flyaway-earlier-weights=={release.version()}"]
    assert extras["earlier-torch"] == [f"flyaway-earlier-torch-weights=={release.version()}"]


def test_every_file_is_of_one_part_and_the_page_names_it(tmp_path, release):
    names = {
        "flyaway-0.1.0-py3-none-any.whl": "wheel",
        "flyaway_earlier_weights-0.1.0-py3-none-any.whl": "earlier",
        "flyaway_earlier_torch_weights-0.1.0-py3-none-any.whl": "earlier-torch",
        "flyaway-0.1.0-linux_x64.zip": "blender",
        "flyaway-0.1.0-macos_arm64.zip": "blender",
        "flyaway-nuke-0.1.0.zip": "nuke",
    }
    files = [tmp_path / name for name in names]
    for path in files:
        path.write_bytes(b"x" * 100_000)
    assert {path.name: release.kind_of(path.name) for path in files} == names
    page = release.page(files)
    for name in names:
        assert f"| {name} | 0.1 |" in page
    assert page.count("Needs: ") == page.count("Install: ") == len(release.PARTS)
    for part in release.PARTS.values():
        assert part.needs in page


def test_a_part_that_cannot_be_built_leaves_the_last_release(tmp_path):
    (tmp_path / "flyaway-0.0.1-py3-none-any.whl").write_bytes(b"old")
    nowhere = tmp_path / "no-blender"
    nowhere.mkdir()
    command = [
        sys.executable,
        str(ROOT / "release.py"),
        "--only=blender",
        f"--blender={nowhere}",
        f"--out={tmp_path}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "the blender part" in done.stderr
    assert "4.2 or later" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "flyaway-0.0.1-py3-none-any.whl",
        "no-blender",
    ]
