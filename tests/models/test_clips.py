"""A clip made of a shipped picture keeps its alpha exact, moves, and is the same each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the evaluate extra is not installed")

from models.evaluation import clips
from models.evaluation.clips import Clip, Pose
from models.evaluation.composite import Sitter
from models.evaluation.sources import seeded
from models.mixing import encoded
from PIL import Image


def person() -> Sitter:
    """A white bust with soft sides, in light."""
    y, x = np.mgrid[0:300, 0:300].astype(np.float32) / 300
    alpha = np.clip((0.25 - np.hypot(x - 0.5, (y - 0.4) * 0.8)) * 20 + 0.5, 0, 1)
    alpha = np.maximum(alpha, np.clip((y - 0.75) * 20, 0, 1) * (np.abs(x - 0.5) < 0.4))
    return Sitter(alpha, np.full((300, 300, 3), 255, np.float32))


CLIP = Clip("nobody", "nowhere", clips.CLIPS["walk"].person, clips.CLIPS["walk"].scene_pose, grain=0.0)
GREY = Image.new("RGB", (400, 300), (60, 60, 60))


@pytest.fixture(scope="module")
def layers() -> tuple[clips.Layer, clips.Layer]:
    return clips.person_layer(person(), 0.8), clips.scene_layer(GREY, clips.reach(CLIP))


@pytest.mark.parametrize("samples", [1, 4])
def test_a_frame_is_mixed_in_light_by_its_truth(
    layers: tuple[clips.Layer, clips.Layer], samples: int
) -> None:
    made = clips.frame(replace(CLIP, samples=samples), *layers, 7, np.random.default_rng(0))
    assert made.plate.shape == (clips.HEIGHT, clips.WIDTH, 3)
    cover = made.truth[..., None] / 255
    behind = ((60 / 255 + 0.055) / 1.055) ** 2.4
    assert np.abs(made.plate - 255 * encoded(cover + (1 - cover) * behind)).max() <= 1
    assert 0.1 < cover.mean() < 0.6
    assert (made.truth[-1] == 255).any()  # the bust goes on below the frame


def test_motion_blur_softens_the_outline(layers: tuple[clips.Layer, clips.Layer]) -> None:
    fast = replace(CLIP, person=lambda t: Pose(300 + 60 * t, clips.HEIGHT))
    soft = [
        ((made.truth > 12) & (made.truth < 243)).mean()
        for made in (
            clips.frame(replace(fast, samples=n), *layers, 5, np.random.default_rng(0)) for n in (1, 12)
        )
    ]
    assert soft[1] > 1.25 * soft[0]


def test_hair_sways_and_shoulders_do_not(layers: tuple[clips.Layer, clips.Layer]) -> None:
    resting = replace(CLIP, person=lambda t: Pose(640, clips.HEIGHT), scene_pose=clips._hold)
    swaying = replace(resting, sway=12.0)
    frames = [clips.frame(swaying, *layers, n, np.random.default_rng(0)).truth.astype(int) for n in (0, 9)]
    change = np.abs(frames[1] - frames[0])
    assert change[: clips.HEIGHT // 2].max() > 60
    assert change[-20:].max() <= 2


def test_each_frame_has_grain_of_its_own(layers: tuple[clips.Layer, clips.Layer]) -> None:
    resting = replace(CLIP, person=lambda t: Pose(640, clips.HEIGHT), scene_pose=clips._hold, grain=5.0)
    first, second = (clips.frame(resting, *layers, n, seeded("clips", f"a/{n}")) for n in (1, 2))
    assert np.array_equal(first.truth, second.truth)
    assert np.abs(first.plate.astype(int) - second.plate).mean() > 2
    again = clips.frame(resting, *layers, 1, seeded("clips", "a/1"))
    assert np.array_equal(again.plate, first.plate)


def test_there_are_the_six_kinds_and_no_scene_ends_in_view() -> None:
    assert len(clips.CLIPS) >= 8
    assert {"locked", "handheld", "sway", "walk", "whip", "drift"} <= set(clips.CLIPS)
    for name, clip in clips.CLIPS.items():
        scene = clips.scene_layer(GREY, clips.reach(clip))
        for number in (0, clips.FRAMES // 2, clips.FRAMES - 1):
            shown = clips.sampled(scene, clip.scene_pose(number + 0.25))[0]
            assert shown.min() > 0, (name, number)
