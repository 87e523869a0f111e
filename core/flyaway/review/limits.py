"""What is too much: limits that hold for any shot, and closer ones by the shot's own middle.

A limit by the shot's middle alone rises with the shot: one that boils throughout is usual to itself. So the
limits of what edges do lie between two constants: below the lower one nobody sees it, and above the upper one
it is a fault however usual it is. The upper ones are above what true mattes of moving figures measure
(tests/review/test_edges.py), which is not nothing: flow is not quite right along an edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from flyaway.review.check import EdgeCheck, FrameCheck

_EMPTY, _FULL = 2e-4, 0.995
# A frame stands out when it is this many times above its shot's middle …
_OUTLIER = 6.0
# … and above what an eye would see.
_SEEN_JUMP, _SEEN_FLICKER, _SEEN_EDGES, _SEEN_POPS = 0.01, 0.002, 0.008, 0.005
# Too much in any shot.
MOST_EDGES, MOST_POPS, MOST_PATCHES = 0.025, 0.025, 0.0005
# The same without optical flow: where a dark plate, or one that moves a little, passes for still, true mattes
# change too.
STILL_EDGES, STILL_POPS = 0.045, 0.05
_FAR = 10.0  # times a limit; what is further counts as this


@dataclass(frozen=True)
class Limits:
    """What a frame is judged by.

    Attributes
    ----------
    coverage : the middle of its shot.
    jump : of coverage, share of the picture.
    flicker : where the plate stands still.
    edges, pops : along the plate's motion, near edges.
    patches : share of the picture.
    """

    coverage: float
    jump: float
    flicker: float
    edges: float
    pops: float
    patches: float = MOST_PATCHES

    @classmethod
    def of(cls, checks: Sequence[FrameCheck]) -> Limits:
        """The limits of a shot."""
        coverages = [check.coverage for check in checks if check.coverage is not None]
        edges = [check.edges for check in checks if check.edges is not None]
        return cls(
            median(coverages) if coverages else 0.0,
            _limit([abs(check.jump) for check in checks if check.jump is not None], _SEEN_JUMP, 1.0),
            _limit([check.flicker for check in checks if check.flicker is not None], _SEEN_FLICKER, 1.0),
            *_edge_limits(edges),
        )


def _edge_limits(edges: Sequence[EdgeCheck]) -> tuple[float, float]:
    """Of flicker and pops."""
    if not all(edge.by_flow for edge in edges):
        return STILL_EDGES, STILL_POPS
    return (
        _limit([edge.flicker for edge in edges if edge.flicker is not None], _SEEN_EDGES, MOST_EDGES),
        _limit([edge.pops for edge in edges if edge.pops is not None], _SEEN_POPS, MOST_POPS),
    )


def _limit(values: Sequence[float], least: float, most: float) -> float:
    return min(most, max(least, _OUTLIER * median(values))) if values else most


def judge(checks: Sequence[FrameCheck]) -> list[FrameCheck]:
    """Add the faults that only show beside the other frames, and the score."""
    limits = Limits.of(checks)
    judged: list[FrameCheck] = []
    last_jump = 0.0
    for check in checks:
        change = check.jump or 0.0
        # The frame after a single bad one jumps back: that is the bad one's fault, which is told already.
        back = bool(last_jump) and abs(last_jump + change) < limits.jump
        changes = [] if back else _change_faults(check, limits)
        last_jump = change if not back and abs(change) > limits.jump else 0.0
        faults = (*check.faults, *_extent_faults(check), *changes)
        judged.append(replace(check, faults=faults, score=_score(check, len(faults), back, limits)))
    return judged


def _extent_faults(check: FrameCheck) -> list[str]:
    if check.coverage is not None and check.coverage < _EMPTY:
        return ["the matte is empty"]
    if check.coverage is not None and check.coverage > _FULL:
        return ["the matte covers everything"]
    return []


def _change_faults(check: FrameCheck, limits: Limits) -> list[str]:
    """What changed more since the frame before than the limits allow."""
    faults = []
    jump, flicker = check.jump or 0.0, check.flicker or 0.0
    if abs(jump) > limits.jump:
        faults.append(f"coverage jumps by {100 * jump:+.1f} % of the picture")
    faults += _edge_faults(check.edges, limits)
    if flicker > limits.flicker:
        faults.append(f"the matte flickers ({1000 * flicker:.1f} ‰ where the plate stands still)")
    return faults


def _edge_faults(edges: EdgeCheck | None, limits: Limits) -> list[str]:
    if edges is None or edges.flicker is None or edges.pops is None:
        return []
    faults = []
    if (edges.patches or 0.0) > limits.patches:
        faults.append(
            f"a patch pops ({100 * (edges.patches or 0.0):.2f} % of the picture changes by a quarter)"
        )
    if edges.pops > limits.pops:
        faults.append(f"edges pop ({100 * edges.pops:.1f} % of what is near them changes by a quarter)")
    if edges.flicker > limits.edges:
        where = "along the plate's motion" if edges.by_flow else "where the plate stands still"
        faults.append(f"edges boil (by {1000 * edges.flicker:.1f} ‰ {where})")
    return faults


def _score(check: FrameCheck, faults: int, back: bool, limits: Limits) -> float:
    """How urgently a frame should be looked at: by its faults, then by how unusual it is."""
    score = 10.0 * faults
    if check.coverage is None:
        return score + 100
    if back:
        return score
    edges = check.edges or EdgeCheck(0.0)
    ratios = (
        abs(check.jump or 0.0) / limits.jump,
        (check.flicker or 0.0) / limits.flicker,
        (edges.pops or 0.0) / limits.pops,
        (edges.flicker or 0.0) / limits.edges,
    )
    score += sum(min(ratio, _FAR) for ratio in ratios)  # however far: a missing matte comes first
    # The last two: without neighbours in time, the one that is least like the others.
    return score + abs(check.coverage - limits.coverage) + check.soft
