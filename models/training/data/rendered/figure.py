"""Bodies of many ages and builds in many poses, from the whole-body model `anny`.

anny's code is Apache-2.0 (NAVER), its shapes are MakeHuman's (CC0 1.0; the wheel carries both texts). Axes:
x to the person's left, y to the back, z up, in metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float32]
Generator = np.random.Generator

#: Parts of a body by the beginnings of the bones that move them.
PARTS = {
    "eye": ("eye",),
    "head": ("head",),
    "neck": ("neck",),
    "trunk": ("spine", "clavicle", "shoulder", "breast"),
    "hips": ("root", "pelvis"),
    "upper arm": ("upperarm",),
    "lower arm": ("lowerarm",),
    "hand": ("wrist", "finger", "metacarpal"),
    "upper leg": ("upperleg",),
    "lower leg": ("lowerleg",),
    "foot": ("foot", "toe"),
}
#: How often which pose is drawn.
POSES = {
    "stands": 0.3,
    "walks": 0.2,
    "runs": 0.1,
    "reaches": 0.14,
    "bends": 0.08,
    "squats": 0.08,
    "sits": 0.1,
}
SIDES = (("L", 1.0), ("R", -1.0))
ELBOW = (-0.74, 0.0, -0.67)  # axis about which a left forearm bends, in the model's own pose


@dataclass(frozen=True)
class Figure:
    """One body.

    Attributes
    ----------
    rest, posed : V×3, where its vertices are as the model has them, and in the pose.
    faces : F×3.
    part : V, index into `PARTS`.
    """

    rest: Floats
    posed: Floats
    faces: NDArray[np.int64]
    part: NDArray[np.int64]

    def of(self, *names: str) -> NDArray[np.bool_]:
        """V, whether a vertex belongs to one of these parts."""
        known = list(PARTS)
        return np.isin(self.part, [known.index(name) for name in names])


class Figures:
    """Draws bodies; building the model parses its shapes once and keeps them (ANNY_CACHE_DIR)."""

    def __init__(self) -> None:
        import anny

        self.model: Any = anny.Anny()
        self.bones: list[str] = list(self.model.bone_labels)
        faces = np.asarray(self.model.faces)
        self.faces = faces.astype(np.int64)
        weights = self.model.vertex_bone_weights.numpy()
        indices = self.model.vertex_bone_indices.numpy()
        bone = np.take_along_axis(indices, weights.argmax(1)[:, None], 1)[:, 0]
        self.part = np.array([_part(self.bones[number]) for number in bone])

    def draw(self, rng: Generator) -> Figure:
        """One body in one pose."""
        import torch

        shape = {name: float(rng.beta(1.3, 1.3)) for name in self.model.phenotype_labels}
        # The model's ages run from a newborn at 0 over a child at a third to an old person at 1.
        shape["age"] = float(rng.uniform(0.3, 0.62) if rng.random() < 0.15 else rng.uniform(0.62, 1.0))
        turns = torch.eye(4).repeat(1, len(self.bones), 1, 1)
        for bone, turn in _pose(rng).items():
            turns[0, self.bones.index(bone), :3, :3] = torch.from_numpy(turn.as_matrix()).float()
        with torch.no_grad():
            out = self.model(pose_parameters=turns.to(torch.float64), phenotype_kwargs=shape)
        rest, posed = (out[key][0].float().numpy() for key in ("rest_vertices", "vertices"))
        return Figure(rest, posed, self.faces, self.part)


def _part(bone: str) -> int:
    for number, starts in enumerate(PARTS.values()):
        if bone.startswith(starts):
            return number
    raise ValueError(f"no part of the body has the bone {bone}")


def _about(axis: str, degrees: float) -> Rotation:
    return Rotation.from_euler(axis, degrees, degrees=True)


def _pose(rng: Generator) -> dict[str, Rotation]:
    """Turns of bones about the axes of the model's own pose, in which arms hang 42° outwards."""
    name = str(rng.choice(list(POSES), p=np.array(list(POSES.values())) / sum(POSES.values())))
    turns: dict[str, Rotation] = {}
    stride = float(rng.normal(0, 1))
    bent = {"stands": rng.normal(3, 5), "runs": rng.uniform(5, 25), "bends": rng.uniform(35, 100)}
    bent |= {"squats": rng.uniform(10, 50), "sits": rng.normal(5, 10)}
    forward, sideways, twist = float(bent.get(name, rng.normal(3, 8))), rng.normal(0, 7), rng.normal(0, 12)
    for number in range(1, 6):
        share = Rotation.from_euler("xyz", (forward / 5, sideways / 5, twist / 5), degrees=True)
        turns[f"spine0{number}"] = share
    nod, tilt, turn = rng.normal(-forward / 3, 10), rng.normal(0, 8), rng.normal(0, 22)
    for bone in ("neck01", "head"):
        turns[bone] = Rotation.from_euler("xyz", (nod / 2, tilt / 2, turn / 2), degrees=True)
    for side, sign in SIDES:
        _arm(turns, name, side, sign, stride, rng)
        _leg(turns, name, side, sign, stride, rng)
    return turns


def _arm(
    turns: dict[str, Rotation], pose: str, side: str, sign: float, stride: float, rng: Generator
) -> None:
    low, swing, elbow = rng.normal(34, 8), rng.normal(0, 12), abs(rng.normal(15, 15))
    if pose in ("walks", "runs"):
        swing += sign * stride * (20 if pose == "walks" else 40)
        elbow += 0 if pose == "walks" else rng.uniform(30, 90)
    if pose == "reaches" or (pose in ("bends", "squats") and rng.random() < 0.5):
        low, swing, elbow = rng.uniform(-130, 40), rng.uniform(-110, 20), rng.uniform(0, 110)
    elif rng.random() < 0.3:  # a hand on the hip, in front of the body, at the head
        low, swing, elbow = rng.uniform(-20, 40), rng.uniform(-60, 10), rng.uniform(50, 130)
    turns[f"upperarm01.{side}"] = (
        _about("x", swing) * _about("y", sign * low) * _about("z", rng.normal(0, 10))
    )
    axis = np.array(ELBOW) * (1, 1, sign)
    turns[f"lowerarm01.{side}"] = Rotation.from_rotvec(np.radians(elbow) * axis)
    turns[f"wrist.{side}"] = Rotation.from_euler("xyz", rng.normal(0, 15, 3), degrees=True)
    curl = abs(rng.normal(20, 20))
    for finger in (2, 3, 4, 5):
        for joint in (1, 2):
            turns[f"finger{finger}-{joint}.{side}"] = Rotation.from_rotvec(np.radians(curl) * axis)


def _leg(
    turns: dict[str, Rotation], pose: str, side: str, sign: float, stride: float, rng: Generator
) -> None:
    hip, apart, knee = rng.normal(0, 4), rng.normal(2, 4), abs(rng.normal(4, 5))
    if pose == "walks":
        hip, knee = -sign * stride * 18, abs(rng.normal(12, 12))
    elif pose == "runs":
        hip, knee = -sign * abs(stride) * 45 - 10, rng.uniform(10, 100)
    elif pose == "squats":
        hip, knee, apart = -rng.uniform(40, 115), rng.uniform(60, 130), rng.uniform(0, 30)
    elif pose == "sits":
        hip, knee, apart = -rng.normal(85, 8), rng.normal(85, 15), rng.uniform(-3, 15)
    elif rng.random() < 0.15:  # a kick, a step
        hip, knee, apart = rng.uniform(-80, 30), rng.uniform(0, 90), rng.uniform(-5, 45)
    turns[f"upperleg01.{side}"] = _about("y", -sign * apart) * _about("x", hip)
    turns[f"lowerleg01.{side}"] = _about("x", knee)
    turns[f"foot.{side}"] = _about("x", rng.normal(0, 8))
