"""How a run goes: what a caller may choose."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from flyaway.batch.finish import Finish
from flyaway.batch.pipeline import Limits
from flyaway.chosen import check_word, share
from flyaway.frames.read import ReadOptions

Existing = Literal["refuse", "overwrite", "skip", "resume"]


def check_existing_word(word: object) -> None:
    """Refuse a word that says nothing of mattes that are there: taken for another it could replace them.

    Raises
    ------
    UsageError : naming those there are.
    """
    check_word(word, get_args(Existing), "existing")


@dataclass(frozen=True)
class RunOptions:
    """How a run goes.

    Attributes
    ----------
    in_space : the plates' colour space where their files do not say.
    existing : what to do about mattes that are there already. "skip" decodes them and keeps those
        that are whole; "resume" trusts the journal, and redoes exactly what is missing, stale
        (another source, model or settings) or broken; a whole picture that is not ours, or was
        changed since, fails its frame by name.
    refine : False stops after the coarse stage.
    limits : of the pipeline.
    read : which part, layer and OCIO configuration.
    finish : masks, matte controls, and which person.
    stills : matte each frame of a sequence or movie by itself, also with a model that has a memory.
    steadiness : how far hair is held from frame to frame in a shot, 0 to 1; see `flyaway.steady`.
    previews : where small pictures of the frames go, for a host's panel; None for none.

    Raises
    ------
    UsageError : an `existing` that is none of these words, a `steadiness` that is not between 0 and 1.
    """

    in_space: str | None = None
    existing: Existing = "refuse"
    refine: bool = True
    limits: Limits = field(default_factory=Limits)
    read: ReadOptions = field(default_factory=ReadOptions)
    stills: bool = False
    steadiness: float = 1.0
    previews: Path | None = None
    finish: Finish = field(default_factory=Finish)

    def __post_init__(self) -> None:
        """Refuse an unknown word."""
        check_existing_word(self.existing)
        object.__setattr__(self, "steadiness", share(self.steadiness, "steadiness"))

    @property
    def replaces(self) -> bool:
        """Whether mattes that are there may be replaced, whosever they are: one word alone says so."""
        return self.existing == "overwrite"

    @property
    def keeps(self) -> bool:
        """Whether mattes that are there are looked at, and kept where they will do."""
        return self.existing not in ("overwrite", "refuse")
