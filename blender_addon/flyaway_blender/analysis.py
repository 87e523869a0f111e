"""Analysing frames: mattes go to disk, where any Blender finds them.

Reading a plate is a render and has to be in the main thread; the network works in a thread of its own. A
model with a memory sees the frames in order, as a shot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import bpy

from . import cache, engine, layers, origins, pipeline, pixels, report, retouch, shots, signature, uses
from .uses import Use


class Analysis:
    """Mattes of some nodes over some frames, in steps.

    With `alone`, of one frame: it goes on with its shot where what the frame before left is on disk, and is a
    still elsewhere.
    """

    def __init__(
        self, scene: bpy.types.Scene, wanted: list[Use], frames: Iterable[int], *, alone: bool = False
    ):
        self.scene, self.wanted, self._alone = scene, wanted, alone
        self.frames = retouch.in_order([use.tree for use in wanted], list(frames))
        self._followed = {use.uid: retouch.Followed(use.tree) for use in wanted}
        self.done = 0
        self.lost: list[report.Record] = []
        self._pool = ThreadPoolExecutor(1, "flyaway-matte")
        self._size: dict[str, tuple[int, int]] = {}
        report.begin()
        signature.begin()
        pipeline.remove_taps()
        for use in wanted:
            cache.claim(use.tree)  # an unsaved file is an error now, not after the first frame
        self._uids = {use.uid for use in wanted}
        as_shots = [
            use
            for use in wanted
            if (shots.goes_on(scene, use, self.frames[0]) if alone else shots.wanted(use))
        ]
        self._walks = {use.uid: shots.Walk(scene, use, self._pool) for use in as_shots}
        # A memory goes forward; whoever is followed backwards, too, is looked for afterwards.
        self._ways = [self.frames]
        if self._walks and sorted(self.frames) != self.frames:
            self._ways = [sorted(self.frames), self.frames]
        self._steps = self._go()

    @property
    def failed(self) -> int:
        """How many mattes failed."""
        return len(self.lost)

    @property
    def total(self) -> int:
        """How many mattes were asked for."""
        return len(self.frames) * len(self.wanted)

    def step(self) -> bool:
        """Go on a little; False when all is done."""
        return next(self._steps, None) is not None

    def close(self) -> None:
        """Keep what is done, and put everything else back. In the main thread."""
        self._steps.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for walk in self._walks.values():
            walk.keep()
        for use in self.wanted:
            if use.uid in self._size:
                cache.finish(use.tree, self._size[use.uid], pipeline.tap_scene(self.scene, use))
                cache.refresh(use.tree)
            elif origins.load(cache.folder(use.tree)).frames:
                cache.play(use.tree)
            self._conclude(use)
        pipeline.remove_taps()

    def _conclude(self, use: Use) -> None:
        lost = [entry for entry in self.lost if entry.node == use.title]
        if lost:
            report.set_state(use.uid, "failed", f"frame {lost[0].frame}: {lost[0].message}")
        elif use.tree.flyaway.last >= use.tree.flyaway.first:
            span = f"{use.tree.flyaway.first}-{use.tree.flyaway.last}"
            told = ""
            if self._alone and self.frames:
                # One that was there may be of a shot, though nothing is kept of the frame before it.
                goes_on = use.uid in self._walks
                told = self._how(use, self.frames[0]) if goes_on else pipeline.remark(use, self.frames[0])
            report.set_state(use.uid, "cached", f"frame {self.frames[0]}, {told}" if told else span)
        else:
            report.set_state(use.uid, "idle")

    def _go(self) -> Iterator[bool]:
        for frame in self._ways[0]:
            for use in uses.used(self.scene) if len(self.wanted) > 1 else self._needed():
                if use.uid in self._uids:
                    yield from self._one(use, frame)
                else:  # one that a wanted node looks at
                    pipeline.have_ready(self.scene, use, frame)
                    yield True
        for frame in self._ways[-1] if len(self._ways) > 1 else ():
            for use in self.wanted:
                self._follow_again(use, frame)
                yield True

    def _needed(self) -> list[Use]:
        """The node, after the mattes upstream of it."""
        before = uses.used(self.scene)
        wanted = self.wanted[0]
        at = next((i for i, use in enumerate(before) if use.uid == wanted.uid), None)
        return [wanted] if at is None else before[: at + 1]

    def _one(self, use: Use, frame: int) -> Iterator[bool]:
        self._show(use)
        try:
            made_of = signature.of(self.scene, use, frame)
            if self._is_there(use, frame, made_of):
                if len(self._ways) == 1:
                    self._follow(use, frame)
                yield from self._complete(use, frame)
                report.record(report.Record(self.scene.name, use.title, frame, "cached"))
            else:
                yield from self._new(use, frame, made_of)
        except Exception as error:
            self._lose(use, frame, error)
        self.done += 1
        self._show(use)
        yield True

    def _is_there(self, use: Use, frame: int, made_of: str) -> bool:
        fresh = shots.is_fresh(self.scene, use, frame, made_of)
        still = self._alone and use.uid not in self._walks
        return fresh or (still and shots.is_still(use, frame, made_of))

    def _new(self, use: Use, frame: int, made_of: str) -> Iterator[bool]:
        """A matte that is not on disk yet."""
        walk, memory, told = self._walks.get(use.uid), "", ""
        if walk is not None:
            yield from walk.reach(frame)
            memory = f" {walk.place.name}"
        try:
            question = pipeline.ask(self.scene, use, frame)
            future = self._pool.submit(question.answer) if walk is None else walk.answer(question, frame)
            yield from shots.waited(future)
        except Exception:
            if walk is not None:
                walk.passed(frame, made_of)
            raise
        found = future.result()
        if walk is not None:
            walk.saw(frame, made_of)
            told = f"begins anew: {walk.began}" if walk.began else ""
        told = told or self._how(use, frame)
        cache.store(use.tree, frame, found, made_of + memory, pipeline.tap_scene(self.scene, use))
        if len(self._ways) == 1:
            self._followed[use.uid].follow(frame, found.alpha, question.plate)
        self._size[use.uid] = found.alpha.shape
        report.record(report.Record(self.scene.name, use.title, frame, "matted", told))

    def _how(self, use: Use, frame: int) -> str:
        """What is said of a single frame where the node's frames are a shot."""
        if not self._alone or not shots.wanted(use):
            return ""
        return f"goes on from frame {frame - 1}" if use.uid in self._walks else pipeline.STILL

    def _lose(self, use: Use, frame: int, error: Exception) -> None:
        message = str(error).strip() or type(error).__name__
        self.lost.append(report.Record(self.scene.name, use.title, frame, "failed", message))
        report.record(self.lost[-1])

    def _follow_again(self, use: Use, frame: int) -> None:
        """Look for whoever is to be followed, in the order for it, once all mattes are there."""
        if any((entry.node, entry.frame) == (use.title, frame) for entry in self.lost):
            return
        try:
            self._follow(use, frame)
        except Exception as error:
            self._lose(use, frame, error)

    def _follow(self, use: Use, frame: int) -> None:
        """A matte that is on disk already: whoever is to be followed is looked for in it."""
        if not retouch.is_worked(use.tree):
            return
        raw = pixels.read_file(cache.matte_path(cache.folder(use.tree), frame))[..., 0]
        self._size[use.uid] = raw.shape
        followed = self._followed[use.uid]
        if followed.wanted:
            followed.follow(frame, raw, pipeline.ask(self.scene, use, frame).plate)

    def _complete(self, use: Use, frame: int) -> Iterator[bool]:
        """The colour of a matte that is on disk already, where it was not wanted before: no network runs."""
        place = cache.folder(use.tree)
        if not layers.wants_colour(use) or layers.complete(place, "colour", [frame]):
            return
        alpha = pixels.read_file(cache.matte_path(place, frame))[..., 0]
        future = self._pool.submit(pipeline.ask(self.scene, use, frame).foreground, alpha)
        yield from shots.waited(future)
        found = engine.Found(alpha, colour=future.result())
        layers.write(place, frame, found, pipeline.tap_scene(self.scene, use))
        self._size[use.uid] = alpha.shape

    def _show(self, use: Use) -> None:
        report.set_state(use.uid, "analysing", f"{self.done}/{self.total}", self.done / max(1, self.total))
