"""The default engine: three ONNX graphs and a host loop between them, in numpy.

`coarse` runs once a plate; `tokens` and `refine` run on chunks of regions. No single graph can hold
a loop whose length depends on the picture; with the loop out here memory is bounded by the chunk,
the result does not depend on it, and each graph's only dynamic dimensions are sizes and counts.
"""

from __future__ import annotations

import logging
from functools import lru_cache

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from flyaway.engines.base import (
    STAYS,
    Inference,
    States,
    Stopwatch,
    checked_cells,
    checked_states,
    network_config,
    state_shapes,
)
from flyaway.engines.ort_device import PROVIDERS, assert_placement, choose
from flyaway.errors import DeviceUnavailableError, EngineError
from flyaway.geometry import grid_size, padded, working_size
from flyaway.plate import Plane
from flyaway.regions import numpy_backend as regions
from flyaway.resample import resize
from flyaway.weights import ModelInfo, verified

Float = NDArray[np.float32]
GRAPHS = ("coarse", "tokens", "refine")
SHOT = "shot"  # the coarse graph with states in and out, of models with memory
# Pixels of regions at once on a CPU: with more, what one layer leaves for the next falls out of the cache.
CPU_CHUNK = 32 * 72**2
# Pixels of a plate whose mattes are large too: the arena is given back before they are finished; UHD has 8 M.
LARGE = 11 << 20
SAME_AS_REQUESTED = 1  # onnxruntime's number for how an arena grows
# Up to so many pixels of regions, the refiner inputs are kept from one pass to the next (48 MB).
KEPT = 256 * 72**2


class OrtEngine:
    """A released model on onnxruntime."""

    name = "onnxruntime"

    def __init__(self, info: ModelInfo, device: str = "auto", threads: int | None = None):
        if missing := [role for role in GRAPHS if role not in info.files]:
            raise EngineError(f"model {info.name!r} has no ONNX file for {', '.join(missing)}")
        self.config = network_config(info)
        if self.config.refiner.kind != "unshuffle":
            raise EngineError("the paper's structure has no host loop: use the torch engine")
        self.device = choose(device)
        self.chunk = self.config.refiner.chunk
        self._region = (self.config.refiner.cell + 2 * self.config.refiner.halo) ** 2  # px
        if self.device == "cpu":
            self.chunk = min(self.chunk, CPU_CHUNK // self._region)
        self._info, self._threads = info, threads
        self._sessions = {role: self._open(info, role, threads) for role in GRAPHS}

    @property
    def remembers(self) -> bool:
        """See `Engine.remembers`."""
        return self.config.coarse.memory and SHOT in self._info.files

    def _open(self, info: ModelInfo, role: str, threads: int | None) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.log_severity_level = 3  # errors only: onnxruntime warns of things no user can change
        # Threads wait in a loop for what is next in a run, and sleep after it: three sessions take turns, and
        # those of two would take the third one's cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # An arena a session would keep the largest of all plates three times; see `shared_arena`.
        options.enable_cpu_mem_arena = False
        if self.device == "cpu" and shared_arena():
            options.add_session_config_entry("session.use_env_allocators", "1")
        if threads is not None:
            options.intra_op_num_threads = threads
        kind, _, number = self.device.partition(":")
        wanted = PROVIDERS[kind]
        how: list[str | tuple[str, dict[str, int]]] = [wanted]
        if number:
            how = [(wanted, {"device_id": int(number)})]
        path = verified(info.files[role])
        try:
            session = ort.InferenceSession(str(path), options, providers=how)
        except Exception as error:  # onnxruntime's own exceptions have no common root
            raise EngineError(f"onnxruntime cannot load {path.name} on {self.device}: {error}") from error
        if session.get_providers()[0] != wanted:
            raise DeviceUnavailableError(
                f"{self.device} was asked for, but onnxruntime fell back to "
                f"{', '.join(session.get_providers())}: check the driver and the CUDA and cuDNN libraries"
            )
        if self.device != "cpu":
            assert_placement(path, wanted)
        return session

    def infer(
        self,
        image: Plane,
        *,
        cells: NDArray[np.bool_] | None = None,
        refine: bool = True,
        states: States | None = None,
    ) -> Inference:
        """See `Engine.infer`."""
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
            chosen = checked_cells(cells, grid_size(height, width, refiner.cell))
            if chosen is None:
                chosen = regions.unknown_cells(trimap[1], height, width, refiner.cell, refiner.low)
                if states is not None and states.cells is not None:
                    stays = regions.unknown_cells(trimap[1], height, width, refiner.cell, STAYS * refiner.low)
                    chosen |= stays & states.cells
            if not refine:
                chosen = np.zeros_like(chosen)
        with watch("finish"):
            alpha = regions.upsample(maps[0], height, width)
        if chosen.any():
            self._refine(image, maps, context, chosen, alpha, watch)
        with watch("finish"):
            hold_within_one(alpha, chosen, refiner.cell, refiner.halo)
        after = None if states is None else States(left, chosen)
        return Inference(alpha, maps[0], trimap, chosen, watch.seconds, after)

    def _coarse(
        self, working: Float, states: States | None, height: int, width: int
    ) -> tuple[list[Float], tuple[Float, ...]]:
        """The coarse graph's four outputs, and the states that a frame of a shot leaves."""
        if states is None:
            return self._sessions["coarse"].run(None, {"image": working}), ()
        if SHOT not in self._info.files:
            raise EngineError(f"model {self._info.name!r} has no ONNX file for a shot")
        if SHOT not in self._sessions:  # stills alone never pay for it
            self._sessions[SHOT] = self._open(self._info, SHOT, self._threads)
        session = self._sessions[SHOT]
        shapes = state_shapes(self.config, height, width)
        given = states.arrays or tuple(np.zeros(shape, np.float32) for shape in shapes)
        names = [node.name for node in session.get_inputs() if node.name != "image"]
        out = session.run(None, {"image": working, **dict(zip(names, given, strict=True))})
        return out[:4], tuple(out[4:])

    def _working(self, image: Plane) -> tuple[Float, tuple[int, int]]:
        c = self.config.coarse
        h, w = working_size(image.shape[0], image.shape[1], c.working_size)
        working = np.empty((1, 3, padded(h, c.pad_multiple), padded(w, c.pad_multiple)), np.float32)
        working[0, :, :h, :w] = resize(image, h, w).transpose(2, 0, 1)
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
                if len(positions) * self._region <= KEPT:
                    kept.append(patches)
            with watch("tokens"):
                tokens += self._sessions["tokens"].run(None, {"patches": patches, "context": around})
        everyone = np.concatenate(tokens)
        for number, part in enumerate(parts):
            with watch("select"):
                if kept:
                    patches = kept[number]
                else:
                    patches = regions.refiner_inputs(image, maps, positions[part], cell, halo)
                feed = {"patches": patches, "tokens": everyone[index[part]]}
                feed |= {"positions": where[part], "valid": valid[part]}
            with watch("refine"):
                last = number == len(parts) - 1 and alpha.size > LARGE
                (changes,) = self._sessions["refine"].run(None, feed, shrinking() if last else None)
            with watch("finish"):
                regions.accumulate(alpha, positions[part], changes[:, 0], cell)


def hold_within_one(alpha: Float, cells: NDArray[np.bool_], cell: int, halo: int) -> None:
    """Hold alpha within 0..1 in place where regions were added: blend ramps overshoot by the last bit."""
    for row in np.flatnonzero(cells.any(1)):
        columns = np.flatnonzero(cells[row])
        top, left = max(0, row * cell - halo), max(0, columns[0] * cell - halo)
        part = alpha[top : (row + 1) * cell + halo, left : (columns[-1] + 1) * cell + halo]
        part.clip(0, 1, out=part)


def shrinking() -> ort.RunOptions:
    """A run after which the arena's free memory goes back to the system."""
    options = ort.RunOptions()
    if shared_arena():
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


@lru_cache(maxsize=1)
def shared_arena() -> bool:
    """Give all of our sessions on the CPU one arena; False where this process cannot have one.

    Without an arena each layer's result is fresh memory from the system, page by page: a fifth of the time.
    With one a session each would hold its own largest plate. The one grows by what is asked for and not by
    doubling, and is used by sessions that ask for it alone: a host's own sessions keep theirs.
    """
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    try:
        ort.create_and_register_allocator(memory, ort.OrtArenaCfg(0, SAME_AS_REQUESTED, -1, -1))
    except Exception as error:  # onnxruntime's own exceptions have no common root
        # Somebody else in this process was first: slower, and the same result.
        logging.getLogger(__name__).info("no shared arena: %s", error)
        return False
    return True
