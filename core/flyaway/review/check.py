"""What a review holds: a frame's measures, and a shot's."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from flyaway.frames.patterns import FrameJob
from flyaway.pictures import motion

_NAMED = 5  # cuts that a note names


@dataclass(frozen=True)
class EdgeCheck:
    """What the edges of a frame's matte did since the frame before, along the plate's motion.

    Attributes
    ----------
    followed : the share of the pixels near an edge whose motion is known.
    flicker : their mean change; None where too few are known.
    pops : the share of them that changed by more than 0.25; None likewise.
    patches : the share of the picture in squares that changed whole by more than 0.25; None likewise.
    by_flow : whether motion was followed; else only where the plate stood still.
    """

    followed: float
    flicker: float | None = None
    pops: float | None = None
    patches: float | None = None
    by_flow: bool = True


@dataclass(frozen=True)
class FrameCheck:
    """One frame, measured.

    Attributes
    ----------
    job : the plate, its frame number, and the matte (as the job's target).
    coverage : the matte's mean over the display window, 0..1; None where it could not be read.
    soft : the share of pixels that are neither inside nor outside.
    unknown : the mean of the unknown region over the data window, where the matte's file holds it
        (`--with-unknown`), else None.
    jump : change of coverage since the frame before, or None.
    flicker : mean change of the matte where the plate stood still, or None.
    edges : what its edges did; None where there is no frame before it, or no edge.
    cut : whether its plate begins another take (`flyaway.cuts`), so that nothing before it is compared.
    faults : what is wrong, in words for people; the worst first.
    score : how urgently it should be looked at; 0 is not at all.
    """

    job: FrameJob
    coverage: float | None = None
    soft: float = 0.0
    unknown: float | None = None
    jump: float | None = None
    flicker: float | None = None
    edges: EdgeCheck | None = None
    cut: bool = False
    faults: tuple[str, ...] = ()
    score: float = 0.0

    @property
    def label(self) -> str:
        """Its number, or the photograph's name."""
        return self.job.source.name if self.job.frame is None else str(self.job.frame)

    @property
    def unjudged(self) -> bool:
        """Whether its edges could not be followed."""
        return self.edges is not None and self.edges.pops is None


@dataclass(frozen=True)
class Review:
    """A job, measured: its frames in their own order.

    Attributes
    ----------
    frames : all of them.
    provenance : what made the first matte that says so.
    against : the same frames of another run, where two are compared.
    remarks : what of another run was not compared, in sentences.
    """

    frames: tuple[FrameCheck, ...]
    provenance: dict[str, str] = field(default_factory=dict)
    against: Review | None = None
    remarks: tuple[str, ...] = ()

    @property
    def worst(self) -> list[int]:
        """Indices of the frames, the most urgent first; of two runs, by whichever is worse there."""
        runs = [self.frames] if self.against is None else [self.frames, self.against.frames]
        scores = [max(check.score for check in checks) for checks in zip(*runs, strict=True)]
        return sorted(range(len(scores)), key=lambda index: (-scores[index], index))

    @property
    def faulty(self) -> list[FrameCheck]:
        """The frames with faults, in their own order."""
        return [frame for frame in self.frames if frame.faults]

    @property
    def unjudged(self) -> list[FrameCheck]:
        """The frames whose edges could not be followed, in their own order."""
        return [frame for frame in self.frames if frame.unjudged]

    @property
    def by_flow(self) -> bool:
        """Whether edges were followed along the plate's motion; else only where it stood still."""
        return all(frame.edges.by_flow for frame in self.frames if frame.edges is not None)

    @property
    def sure(self) -> bool:
        """Whether all that can be measured was."""
        return self.by_flow and not self.unjudged

    @property
    def notes(self) -> list[str]:
        """What was not measured or compared, in sentences; empty where everything was."""
        count, notes = len(self.unjudged), list(self.remarks)
        if not self.by_flow:
            notes.append(
                "The plate's motion was not followed, since OpenCV is not installed"
                f" ({motion.INSTALL}): edges were judged only where the plate stands still."
            )
        if count:
            why = "its motion could not be followed" if self.by_flow else "too little of it stands still"
            notes.append(f"The edges of {_frames(count)} were not judged: {why}.")
        if cuts := [frame.label for frame in self.frames if frame.cut]:
            which = ", ".join(cuts[:_NAMED]) + (f" and {len(cuts) - _NAMED} more" if cuts[_NAMED:] else "")
            notes.append(f"Another take begins at {which}: not compared with the frame before.")
        return notes

    @property
    def verdict(self) -> str:
        """A few words for people: never "no fault found" alone where something was not measured."""
        if self.faulty:
            return f"{len(self.faulty)} with faults"
        if self.sure:
            return "no fault found"
        where = "" if self.by_flow else " where the plate stands still"
        count = len(self.unjudged)
        return f"no fault found{where}" + (f", edges of {_frames(count)} not judged" if count else "")

    @property
    def middles(self) -> str:
        """What edges do on the median frame, to compare two runs by; "" where none was measured."""
        boil, pops = self.middle("flicker"), self.middle("pops")
        if boil is None or pops is None:
            return ""
        return f"median edges {1000 * boil:.1f} ‰, pops {100 * pops:.2f} %"

    def middle(self, measure: str) -> float | None:
        """The median of an edge's "flicker" or "pops" over the shot; None where none was measured."""
        known = [getattr(frame.edges, measure) for frame in self.frames if frame.edges is not None]
        known = [value for value in known if value is not None]
        return median(known) if known else None


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
