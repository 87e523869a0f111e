"""Whatever a picture comes from, each frame has its own matte, where the picture is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.blender.conftest import Blender, to_linear
from tests.conftest import WritePlate

SIZE = [256, 256]
COUNT, FIRST = 4, 1001
STEP = 40  # pixels from frame to frame
LOSSY = 0.045  # mean distance of mattes that a codec may cause; another frame's is five times that


@pytest.fixture(scope="module")
def walk(
    astronaut: NDArray[np.uint8], write_plate: WritePlate, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Four frames of somebody who moves: the first EXR of a sequence, and the same as an mp4."""
    folder = tmp_path_factory.mktemp("walk")
    display = astronaut[::2, ::2]
    frames = [np.ascontiguousarray(np.roll(display, STEP * index, 1)) for index in range(COUNT)]
    for index, frame in enumerate(frames):
        write_plate(folder / f"walk.{FIRST + index}.exr", to_linear(frame), "float")
    movie = folder / "walk.mp4"
    with av.open(str(movie), "w") as container:
        stream = container.add_stream("h264", rate=24, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.time_base = Fraction(1, 24)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return folder / f"walk.{FIRST}.exr", movie


def assert_own(confusion: list[list[float]], bound: float) -> None:
    """Each matte is its own frame's, and nobody else's."""
    table = np.array(confusion)
    assert table.shape == (COUNT, COUNT)
    assert np.diag(table).max() <= bound, table
    assert table[~np.eye(COUNT, dtype=bool)].min() > 5 * max(bound, 0.005), table


def test_movies_and_clips_bring_each_frame_its_own_matte(
    blender: Blender, walk: tuple[Path, Path], tmp_path: Path
) -> None:
    plate, movie = walk
    facts = blender(
        "sources.movies", plate=plate, movie=movie, count=COUNT, first=FIRST, size=SIZE, folder=tmp_path
    )
    assert_own(facts["frames"], 0)
    for name, bound in {"movie": LOSSY, "movie clip": LOSSY, "sequence clip": 1e-6}.items():
        assert facts[f"{name} statuses"] == ["matted"] * COUNT
        assert_own(facts[name], bound)
    for name in ("movie clip", "sequence clip"):
        assert facts[f"{name} range"] == [1, COUNT, *SIZE]
    assert facts["analysed"] == ["cached"] * COUNT
    assert facts["touched"] == ["cached", "matted", "cached", "cached"]


def test_a_3d_scene_is_matted_as_it_renders(
    blender: Blender, walk: tuple[Path, Path], tmp_path: Path
) -> None:
    facts = blender("sources.render_layers", plate=walk[0], size=[192, 192], folder=tmp_path, count=COUNT)
    assert facts["scenes"] <= 2  # the tap of the render that was last; it goes when the next begins or saves
    assert facts["statuses"] == ["matted"] * COUNT
    assert min(facts["means"]) > 0.1
    assert facts["from EXRs analysed"] == ["matted"] * COUNT
    assert facts["from EXRs"] == ["cached"] * COUNT
    assert min(facts["share"]) >= 0.999, facts["share"]
    assert_own(facts["confusion"], 0.001)
    assert facts["3D cached"] == ["cached"] * COUNT
    assert facts["3D changed"] == ["matted"] * COUNT


def test_mattes_lie_where_moved_and_cropped_pictures_are(
    blender: Blender, walk: tuple[Path, Path], tmp_path: Path
) -> None:
    facts = blender("sources.moved", plate=walk[0], size=SIZE, folder=tmp_path)
    assert facts["border False"] == [256, 256]
    assert facts["border True"] == [224, 128]
    print({name: value for name, value in facts.items() if name != "output"})
    exact = ("border False colour", "border True colour", "border place", "border place without crop")
    assert {name: facts[name] for name in exact if facts[name] > 1e-5} == {}
    for name in ("scaled", "beyond"):
        share, _mean, _most = facts[name]
        assert share >= 0.999, name
        assert facts[f"{name} colour"] <= 5e-5
    # A turned picture is resampled: before the network and at the output not quite alike on every Blender.
    for name in ("turned", "rotated", "all"):
        # Its filter overshoots, so a single pixel of a hard edge may be off by more than one; a matte that
        # lies elsewhere moves whole edges, and the mean with them.
        share, mean, _most = facts[name]
        assert mean <= 0.015, (name, facts[name])
        assert share >= 0.75, (name, facts[name])
