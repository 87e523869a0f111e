"""Files never break: saved, opened without the add-on, undone, copied, appended, linked, moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.blender.conftest import Blender, read_exr, to_linear
from tests.conftest import WritePlate

SIZE = [200, 240]


@pytest.fixture(scope="module")
def plate(
    astronaut: NDArray[np.uint8], write_plate: WritePlate, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """200×240: head and hair."""
    path = tmp_path_factory.mktemp("plate") / "head.0001.exr"
    write_plate(path, to_linear(astronaut[:240, 120:320]), "float")
    for frame in (2, 3):
        shutil.copy(path, path.with_name(f"head.{frame:04d}.exr"))
    return path


@pytest.fixture
def blend(blender: Blender, plate: Path, tmp_path: Path) -> Path:
    """A saved file with a Portrait Matte on three frames."""
    path = tmp_path / "shot" / "shot.blend"
    path.parent.mkdir()
    blender("files.build", plate=plate, size=SIZE, blend=path, frames=[3, 1])
    return path


def test_a_saved_file_is_blender_s_own_and_comes_back_alive(
    blender: Blender, blend: Path, tmp_path: Path
) -> None:
    alive = blender("files.open_and_render", blend=blend, out=tmp_path / "alive.exr")
    assert alive["failures"] == []
    assert 0.2 < alive["alpha"] < 0.9
    without = blender("files.open_and_render", enable=False, blend=blend, out=tmp_path / "without.exr")
    assert all(kind.startswith(("CompositorNode", "ShaderNode", "NodeGroup")) for kind in without["kinds"])
    assert (
        without["alpha"] == 0
    )  # nothing was analysed: nothing is covered, rather than a wrong frame's matte
    again = tmp_path / "renamed.blend"
    blender("files.open_and_save", enable=False, blend=blend, to=again)
    back = blender("files.open_and_render", blend=again, out=tmp_path / "back.exr")
    assert back["settings"] == alive["settings"]
    np.testing.assert_array_equal(read_exr(tmp_path / "back.exr")["A"], read_exr(tmp_path / "alive.exr")["A"])


def test_undo_redo_copy_and_paste(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("files.edits", plate=plate, size=SIZE, folder=tmp_path)
    assert (facts["undone"], facts["redone"]) == (1, 2)
    assert 0.2 < facts["before"] < 0.9
    for moment in ("after undo", "after redo", "after copies"):
        assert facts[moment] == facts["before"]
    assert len(facts["copies"]) > 4
    assert len(set(facts["copies"])) == len(facts["copies"])  # a copy keeps mattes of its own


def test_appended_mattes_are_alive_and_their_own(
    blender: Blender, blend: Path, plate: Path, tmp_path: Path
) -> None:
    result = blender("files.append", blend=blend, plate=plate, size=SIZE, out=tmp_path / "out.exr")
    assert result["failures"] == []
    assert len(set(result["uids"])) == 3
    assert 0.2 < result["alpha"] < 0.9


def test_a_linked_scene_is_matted(blender: Blender, blend: Path, tmp_path: Path) -> None:
    result = blender("files.link_scene", blend=blend, out=tmp_path / "out.exr")
    assert [status for status, _ in result["records"]] == ["matted"]
    assert 0.2 < result["alpha"] < 0.9


def test_a_linked_scene_s_mattes_come_from_its_own_folder_until_they_are_stale(
    blender: Blender, blend: Path, plate: Path, tmp_path: Path
) -> None:
    blender("files.analyse", blend=blend, frames=[1, 2])
    cached = blender("files.link_scene", blend=blend, out=tmp_path / "cached.exr")
    assert cached["records"] == [["cached", ""]]
    assert "Traceback" not in cached["output"]
    plate.touch()
    stale = blender("files.link_scene", blend=blend, out=tmp_path / "stale.exr")
    assert [status for status, _ in stale["records"]] == ["matted"]
    difference = np.abs(read_exr(tmp_path / "stale.exr")["A"] - read_exr(tmp_path / "cached.exr")["A"])
    assert 0 < difference.max() < 1 / 1024  # half floats on disk: what was shown came from memory


def test_what_is_linked_is_analysed_where_it_is_from(
    blender: Blender, blend: Path, plate: Path, tmp_path: Path
) -> None:
    kept = blender("files.analyse", blend=blend, frames=[1, 2])["cache"]
    before = {path: path.read_bytes() for path in blend.parent.rglob("matte.*.exr")}
    assert sorted(path.name for path in before) == kept
    facts = blender(
        "files.analyse_what_is_linked",
        blend=blend,
        plate=plate.with_name("head.0002.exr"),
        size=SIZE,
        to=tmp_path / "other.blend",
    )
    for name in ("analyse_frame", "clear_cache"):
        assert str(blend) in facts[name]
    assert {path: path.read_bytes() for path in blend.parent.rglob("matte.*.exr")} == before


def test_an_autosave_in_the_middle_opens_clean(blender: Blender, plate: Path, tmp_path: Path) -> None:
    blend = tmp_path / "auto.blend"
    blender("files.autosave_after_render", plate=plate, size=SIZE, blend=blend)
    without = blender("files.open_and_render", enable=False, blend=blend, out=tmp_path / "without.exr")
    assert all(kind.startswith(("CompositorNode", "ShaderNode", "NodeGroup")) for kind in without["kinds"])
    back = blender("files.open_and_render", blend=blend, out=tmp_path / "back.exr")
    assert back["scenes"] == ["Scene"]
    assert back["failures"] == []
    assert 0.2 < back["alpha"] < 0.9


def test_an_analysed_file_renders_without_the_add_on_wherever_it_is_moved(
    blender: Blender, blend: Path, tmp_path: Path
) -> None:
    alive = blender("files.open_and_render", blend=blend, out=tmp_path / "alive.exr")
    assert alive["failures"] == []
    blender("files.analyse", blend=blend, frames=[1, 3])
    moved = tmp_path / "elsewhere"
    shutil.move(blend.parent, moved)
    without = blender(
        "files.open_and_render", enable=False, blend=moved / blend.name, out=tmp_path / "without.exr"
    )
    assert all(kind.startswith(("CompositorNode", "ShaderNode", "NodeGroup")) for kind in without["kinds"])
    difference = np.abs(read_exr(tmp_path / "without.exr")["A"] - read_exr(tmp_path / "alive.exr")["A"])
    assert difference.max() < 1 / 1024  # half floats on disk


def test_other_names_and_places_lose_no_mattes(blender: Blender, blend: Path, tmp_path: Path) -> None:
    facts = blender("files.renames", blend=blend, frames=[1, 2], elsewhere=tmp_path / "elsewhere")
    facts.pop("output")
    uids = facts.pop("uids")
    copied = facts.pop("scene copied")
    assert len(facts) == 6
    assert facts == {name: ["cached", "cached"] for name in facts}
    # A copied scene is matted too: from the cache where it shares the node, anew where Blender copied that.
    assert copied in (["cached", "cached"], ["matted", "matted"])
    assert len(uids) == len(set(uids))


def test_the_next_version_of_a_file_leaves_the_mattes_of_the_last_alone(
    blender: Blender, blend: Path, plate: Path, write_plate: WritePlate, tmp_path: Path
) -> None:
    blender("files.analyse", blend=blend, frames=[1, 2])
    before = {path: path.read_bytes() for path in blend.parent.rglob("matte.*.exr")}
    assert len(before) == 4  # two, and an empty one on either side
    other = tmp_path / "other" / plate.name
    other.parent.mkdir()
    flipped = np.stack([read_exr(plate)[channel][:, ::-1] for channel in "RGB"], -1)
    write_plate(other, flipped, "float")
    facts = blender("files.next_version", blend=blend, plate=other, frames=[1, 2])
    assert facts["as it was"] == ["cached", "cached"]
    assert facts["another plate"] == ["matted", "matted"]
    first, second, third = facts["uids"]
    assert len({first, second, third}) == 3
    assert {path: path.read_bytes() for path in before} == before
    # The third version let go of them, and removed nothing that is the second's.
    assert {Path(path).parts[1] for path in facts["kept"]} == {first, second}
    assert sum(second in path for path in facts["kept"]) == 4
