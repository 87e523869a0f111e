"""A node's frames as a shot: matted in order, each with what those before it left, and known by that again.

The list beside the mattes (see `cache`) says of a still what it was made of; of a frame of a shot, behind a
blank, also where the shot began and a hash over what all frames since then were made of. So a frame is stale
where an earlier one, which it remembers, has changed, and a still is never taken for a frame of a shot.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import cache, engine, footage, origins, pipeline, prefs, signature, uses
from .uses import Use

if TYPE_CHECKING:
    from flyaway.shot_place import Place

_MOST_FRAMES = 1_000_000


def _beginning(frame: int, steadiness: float) -> Place:
    """A shot that begins with a frame; how its hair is held is a part of what its mattes are."""
    held = f"{engine.steady_version()} {steadiness:g}" if steadiness > 0 else ""
    return engine.shot_places().beginning(frame, held)


def wanted(use: Use) -> bool:
    """Whether a node's frames are a shot: the model has a memory, something moves, and nobody said no."""
    settings = use.tree.flyaway
    return not settings.stills and engine.remembers(prefs.choice(settings.model)) and footage.moves(use)


def is_fresh(scene: bpy.types.Scene, use: Use, frame: int, made_of: str) -> bool:
    """Whether the matte on disk is the one wanted: a frame of a shot as its plates are now, or a still."""
    own, _, memory = cache.made_of(use.tree, frame).partition(" ")
    if own != made_of or bool(memory) != wanted(use):
        return False
    return not memory or _holds(scene, use, frame, memory)


def is_still(use: Use, frame: int, made_of: str) -> bool:
    """Whether the matte on disk is that of the frame by itself, which a render makes too."""
    return bool(made_of) and cache.made_of(use.tree, frame) == made_of


def _holds(scene: bpy.types.Scene, use: Use, frame: int, memory: str) -> bool:
    began, _, digest = memory.partition(":")
    if not re.fullmatch(r"-?\d{1,9}", began) or not 0 <= frame - int(began) <= _MOST_FRAMES:
        return False
    return _place_now(scene, use, int(began), frame - 1).digest == digest


def _place_now(scene: bpy.types.Scene, use: Use, began: int, last: int) -> Place:
    """A place as what flows into the node now makes it; frames that failed then must be as they were."""
    unseen = origins.load(cache.folder(use.tree)).unseen
    place = _beginning(began, use.tree.flyaway.steadiness)
    for number in range(began, last + 1):
        made_of = signature.known(scene, use, number)
        place = place.after(_unseen(made_of) if unseen.get(number) == made_of else made_of)
    return place


def _unseen(made_of: str) -> str:
    return f"unseen {made_of}"


class Walk:
    """The shot of one node in an analysis. All but the network's work is done in the main thread.

    Attributes
    ----------
    place : where it is; None before its first frame.
    """

    def __init__(self, scene: bpy.types.Scene, use: Use, pool: ThreadPoolExecutor):
        self._scene, self._use, self._pool = scene, use, pool
        self._steadiness = use.tree.flyaway.steadiness
        self._shot = engine.Shot(prefs.choice(use.tree.flyaway.model), self._steadiness)
        self._state: object = None  # what the frame at `place` left; never that of one that was broken off
        self._kept: Place | None = None
        self.place: Place | None = None

    @property
    def began(self) -> str:
        """Why the last frame began anew where the shot goes on: "cut" or "size"; else ""."""
        return self._shot.began if self._shot.began in ("cut", "size") else ""

    def reach(self, frame: int) -> Iterator[bool]:
        """Run the frames that this one remembers and the shot has not seen; nothing of them is kept."""
        if self.place is not None and self.place.last == frame - 1:
            return
        self.place, self._state = self._nearest(frame)
        while self.place.last < frame - 1:
            number = self.place.last + 1
            made_of = signature.of(self._scene, self._use, number)
            try:
                self._have_before(number)
                question = pipeline.ask(self._scene, self._use, number)
                yield from waited(self.answer(question, number))
            except Exception:
                self.passed(number, made_of)
            else:
                self.saw(number, made_of)
        self._have_before(frame)

    def _have_before(self, frame: int) -> None:
        """The mattes of a frame that this node may look at."""
        for other in itertools.takewhile(lambda one: one.uid != self._use.uid, uses.used(self._scene)):
            pipeline.have_ready(self._scene, other, frame)

    def answer(self, question: pipeline.Request, frame: int) -> Future[engine.Found]:
        """Have the next frame matted; `saw` or `passed` says what became of it."""
        return self._pool.submit(question.answer, self._shot.at(frame, self._state))

    def saw(self, frame: int, made_of: str) -> None:
        """The next frame was matted."""
        place = cache.folder(self._use.tree)
        index = origins.load(place)
        if index.unseen.pop(frame, None) is not None:
            origins.save(place, index)
        self.place, self._state = self.place.after(made_of), self._shot.state
        if frame % engine.shot_places().KEPT_EVERY == 0:
            self.keep()

    def passed(self, frame: int, made_of: str) -> None:
        """The next frame failed: the one after it goes on with what those before it left."""
        if self.place is None or self.place.last != frame - 1:
            return
        place = cache.folder(self._use.tree, make=True)
        index = origins.load(place)
        index.unseen[frame] = made_of
        origins.save(place, index)
        self.place = self.place.after(_unseen(made_of))

    def keep(self) -> None:
        """Put the state on disk, where a later analysis goes on from it. A full disk costs no matte."""
        if self.place is None or self._state is None or self.place == self._kept:
            return
        path = state_path(cache.folder(self._use.tree), self.place.last)
        about = {"began": self.place.began, "digest": self.place.digest}
        part = path.with_name(f".{path.name}.part")
        try:
            engine.state_files().write_state(part, self._state, about)
            part.replace(path)
            self._let_go()
        except OSError as error:
            print(f"Flyaway: {path} was not kept: {error}", file=sys.stderr)
        self._kept = self.place

    def _let_go(self) -> None:
        """Remove what single frames left that were analysed one after another, all but the latest few.

        And of very many that ranges left, as many as a batch lets go.
        """
        places, place = engine.shot_places(), cache.folder(self._use.tree)
        found = (re.fullmatch(r"shot\.(-?\d{1,9})\.npz", path.name) for path in place.glob(cache.STATES))
        numbers = sorted(int(match[1]) for match in found if match)
        passed = {n for n in numbers if n < self.place.last - places.HANDLES and n % places.KEPT_EVERY}
        for number in (*passed, *places.let_go([n for n in numbers if n not in passed])):
            state_path(place, number).unlink(missing_ok=True)

    def _nearest(self, frame: int) -> tuple[Place, Any]:
        """Where to go on from: the latest state that holds, the frame before's own beginning, or handles."""
        places = engine.shot_places()
        first = frame - 1 - places.KEPT_EVERY - places.HANDLES
        if self.place is not None and self._state is not None and first <= self.place.last < frame:
            return self.place, self._state
        for last in range(frame - 1, first, -1):
            kept = _kept(self._scene, self._use, last)
            if kept is not None:
                return kept
        began = self._began_before(frame)
        if began is None or began < first:
            began = frame
            while frame - began < places.HANDLES and footage.is_there(self._scene, self._use, began - 1):
                began -= 1
        return _beginning(began, self._steadiness), None

    def _began_before(self, frame: int) -> int | None:
        """Where the shot began to which the frame before belongs."""
        before = frame - 1
        if is_fresh(self._scene, self._use, before, signature.of(self._scene, self._use, before)):
            memory = cache.made_of(self._use.tree, before).partition(" ")[2]
            return int(memory.partition(":")[0])
        return None


def state_path(place: Path, frame: int) -> Path:
    """The file of what a frame left to the next one."""
    return place / f"shot.{frame:04d}.npz"


def goes_on(scene: bpy.types.Scene, use: Use, frame: int) -> bool:
    """Whether what the frame before left is on disk, and that frame is still what it was."""
    return wanted(use) and _kept(scene, use, frame - 1) is not None


def _kept(scene: bpy.types.Scene, use: Use, last: int) -> tuple[Place, Any] | None:
    """What a frame left, if that is on disk and the plates are those that it was made of."""
    kept = _read(state_path(cache.folder(use.tree), last))
    return kept if kept is not None and kept[0] == _place_now(scene, use, kept[0].began, last) else None


def _read(path: Path) -> tuple[Place, Any] | None:
    """A state from disk, if it is one; nothing in the file is believed."""
    try:
        about, state = engine.state_files().read_state(path)
        last = int(path.name.split(".")[1])
        place = engine.shot_places().Place(int(about["began"]), last, str(about["digest"]))
    except (OSError, ValueError, KeyError, TypeError, engine.bad_state()):
        return None
    sound = 0 <= last - place.began <= _MOST_FRAMES and state.frame is not None
    return (place, state) if sound else None


def waited(future: Future[Any]) -> Iterator[bool]:
    """Steps until a future is there; raises what it raises."""
    while not _is_done(future):
        yield True
    future.result()


def _is_done(future: Future[Any]) -> bool:
    """Whether a matte is there; waits a moment, so that a loop around it does not spin."""
    try:
        future.exception(timeout=0.02)
    except TimeoutError:
        return False
    return True
