"""What engines that run ONNX graphs have in common: the host loop between a model's three graphs, in numpy.

`coarse` runs once a plate; `tokens` and `refine` run on chunks of regions. No single graph can hold
a loop whose length depends on the picture; with the loop out here memory is bounded by the chunk,
the result does not depend on it, and each graph's only dynamic dimensions are sizes and counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.engines.base import (
    STAYS,
    Engine,
    Inference,
    Looked,
    States,
    Stopwatch,
    checked_cells,
    checked_states,
    held_after,
    network_config,
    state_shapes,
)
from flyaway.errors import EngineError
from flyaway.geometry import grid_size, padded, working_size
from flyaway.parallel import threads_of
from flyaway.plate import Plane
from flyaway.regions import numpy_backend as regions
from flyaway.resample import resize
from flyaway.weights import ModelInfo

Float = NDArray[np.float32]
Feed = Mapping[str, NDArray[Any]]
GRAPHS = ("coarse", "tokens", "refine")
SHOT = "shot"  # the coarse graph with states in and out, of models with memory
# Pixels of a plate whose mattes are large too: graphs give back memory before they are finished; UHD has 8 M.
LARGE = 11 << 20
# So many pixels of regions at most have their refiner inputs kept from one pass to the next (48 MB).
KEPT = 256 * 72**2


class HostLoop(Engine, ABC):
    """A released model whose graphs a subclass runs."""

    chunk: int  # regions at once
    at_once = False

    def __init__(self, info: ModelInfo, threads: int | None = None):
        if missing := [role for role in GRAPHS if role not in info.files]:
            raise EngineError(f"model {info.name!r} has no ONNX file for {', '.join(missing)}")
        self.config = network_config(info)
        if self.config.refiner.kind != "unshuffle":
            raise EngineError("the paper's structure has no host loop: use the torch engine")
        self._region = (self.config.refiner.cell + 2 * self.config.refiner.halo) ** 2  # px
        self._info = info
        self.threads = threads

    @property
    def remembers(self) -> bool:
        """See `Engine.remembers`."""
        return self.config.coarse.memory and SHOT in self._info.files

    @abstractmethod
    def _run(self, role: str, feed: Feed, *, give_back: bool = False) -> list[Float]:
        """A graph's outputs, in its own order, in memory of their own.

        Parameters
        ----------
        role : one of GRAPHS, or SHOT, which stills alone must not pay for.
        feed : its inputs by name; they are not changed.
        give_back : what the graphs hold between runs is not wanted for a while, and memory is.
        """

    @abstractmethod
    def _inputs(self, role: str) -> list[str]:
        """The names of a graph's inputs, in its own order."""

    def look(
        self,
        image: Plane,
        *,
        cells: NDArray[np.bool_] | None = None,
        refine: bool = True,
        states: States | None = None,
    ) -> Looked:
        """See `Engine.look`."""
        watch = Stopwatch()
        height, width = image.shape[:2]
        refiner = self.config.refiner
        if states is not None:
            checked_states(states, self.config, height, width)
        with watch("prepare"):
            working, (h, w) = self._working(image)
        with watch("coarse"):
            (alpha, trimap, features, context), left = self._coarse(working, states, height, width)
        with watch("select"):
            trimap = trimap[0, :, :h, :w]
            maps = np.concatenate((alpha[0, :, :h, :w], trimap[1:2], features[0, :, :h, :w]))
            stride = self.config.context_stride
            ch, cw = (padded(size, stride) // stride for size in (h, w))
            context = context[0, :, :ch, :cw]
            forced = checked_cells(cells, grid_size(height, width, refiner.cell))
            chosen, held = self._chosen(trimap[1], height, width, forced, states)
            if not refine:
                chosen, held = np.zeros_like(chosen), np.zeros_like(held)
        after = None if states is None else States(left, held)
        return Looked(after, partial(self._finish, image, maps, trimap, context, chosen, after, watch))

    def _finish(
        self,
        image: Plane,
        maps: Float,
        trimap: Float,
        context: Float,
        chosen: NDArray[np.bool_],
        after: States | None,
        watch: Stopwatch,
    ) -> Inference:
        """The chosen regions refined; the arguments are what `look` leaves."""
        refiner = self.config.refiner
        with watch("finish"):
            alpha = regions.upsample(maps[0], image.shape[0], image.shape[1])
        if chosen.any():
            self._refine(image, maps, context, chosen, alpha, watch)
        with watch("finish"):
            hold_within_one(alpha, chosen, refiner.cell, refiner.halo)
        return Inference(alpha, maps[0], trimap, chosen, watch.seconds, after)

    def _coarse(
        self, working: Float, states: States | None, height: int, width: int
    ) -> tuple[list[Float], tuple[Float, ...]]:
        """The coarse graph's four outputs, and the states that a frame of a shot leaves."""
        if states is None:
            return self._run("coarse", {"image": working}), ()
        if SHOT not in self._info.files:
            raise EngineError(f"model {self._info.name!r} has no ONNX file for a shot")
        shapes = state_shapes(self.config, height, width)
        given = states.arrays or tuple(np.zeros(shape, np.float32) for shape in shapes)
        names = [name for name in self._inputs(SHOT) if name != "image"]
        out = self._run(SHOT, {"image": working, **dict(zip(names, given, strict=True))})
        return out[:4], tuple(out[4:])

    def _chosen(
        self,
        unknown: Float,
        height: int,
        width: int,
        forced: NDArray[np.bool_] | None,
        states: States | None,
    ) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
        """The regions to refine, and for how many frames more they are held in a shot."""
        cell, low = self.config.refiner.cell, self.config.refiner.low
        before = None if states is None else states.held
        if forced is not None:
            return forced, held_after(forced, forced, before)
        found = regions.unknown_cells(unknown, height, width, cell, low)
        chosen = found
        if before is not None:
            stays = regions.unknown_cells(unknown, height, width, cell, STAYS * low)
            chosen = found | (stays & (before > 0))
        return chosen, held_after(chosen, found, before)

    def _working(self, image: Plane) -> tuple[Float, tuple[int, int]]:
        c = self.config.coarse
        h, w = working_size(image.shape[0], image.shape[1], c.working_size)
        working = np.empty((1, 3, padded(h, c.pad_multiple), padded(w, c.pad_multiple)), np.float32)
        working[0, :, :h, :w] = resize(image, h, w, threads_of(self.threads)).transpose(2, 0, 1)
        working[..., :h, w:] = working[..., :h, w - 1 : w]
        working[..., h:, :] = working[..., h - 1 : h, :]
        return working, (h, w)

    def _refine(
        self,
        image: Plane,
        maps: Float,
        context: Float,
        cells: NDArray[np.bool_],
        alpha: Float,
        watch: Stopwatch,
    ) -> None:
        """Refine the chosen cells of the coarse alpha, in place."""
        attention, cell, halo = self.config.attention, self.config.refiner.cell, self.config.refiner.halo
        with watch("select"):
            positions, index, where, valid = regions.neighbourhoods(
                cells, attention.neighbours, attention.radius
            )
        parts = [slice(i, i + self.chunk) for i in range(0, len(positions), self.chunk)]
        tokens, kept = [], []
        for part in parts:  # the tokens of all regions first: attention then sees them all
            with watch("select"):
                patches = regions.refiner_inputs(image, maps, positions[part], cell, halo)
                centre = positions[part] * cell + cell // 2
                around = regions.sample_points(context, centre[:, 0], centre[:, 1], *image.shape[:2])
                if min(part.stop, len(positions)) * self._region <= KEPT:
                    kept.append(patches)
            with watch("tokens"):
                tokens += self._run("tokens", {"patches": patches, "context": around})
        everyone = np.concatenate(tokens)
        for number, part in enumerate(parts):
            with watch("select"):
                if number < len(kept):
                    patches = kept[number]
                else:
                    patches = regions.refiner_inputs(image, maps, positions[part], cell, halo)
                feed: dict[str, NDArray[Any]] = {"patches": patches, "tokens": everyone[index[part]]}
                feed |= {"positions": where[part], "valid": valid[part]}
            with watch("refine"):
                last = number == len(parts) - 1 and alpha.size > LARGE
                (changes,) = self._run("refine", feed, give_back=last)
            with watch("finish"):
                regions.accumulate(alpha, positions[part], changes[:, 0], cell)


def hold_within_one(alpha: Float, cells: NDArray[np.bool_], cell: int, halo: int) -> None:
    """Hold alpha within 0..1 in place where regions were added: blend ramps overshoot by the last bit."""
    for row in np.flatnonzero(cells.any(1)):
        columns = np.flatnonzero(cells[row])
        top, left = max(0, row * cell - halo), max(0, columns[0] * cell - halo)
        part = alpha[top : (row + 1) * cell + halo, left : (columns[-1] + 1) * cell + halo]
        part.clip(0, 1, out=part)
