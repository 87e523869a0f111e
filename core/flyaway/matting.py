"""The heart: a plate in, a matte out. What a script, a host and the batch all call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from threading import BoundedSemaphore
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway import cuts
from flyaway.engines.base import DEFAULT_ENGINE, Engine, Inference, Looked, States, checked_cells, open_engine
from flyaway.errors import EngineError
from flyaway.geometry import Framing, grid_size, viewing_size
from flyaway.held_detail import hold as hold_detail
from flyaway.in_light import read_in_light
from flyaway.machine import cores
from flyaway.matte import Matte, likeliest
from flyaway.on_plate import OnPlate, on_plate, timed
from flyaway.parallel import threads_of
from flyaway.prepared import Conversion, Prepared
from flyaway.resample import resize
from flyaway.shot_frame import Began, Left, Seen
from flyaway.shots import ShotMatting, ShotState, faded
from flyaway.steady import checked_steadiness, steadied
from flyaway.weights import ModelInfo, model_info

DEFAULT_MODEL = "fast"
EVERYWHERE = Framing()  # a plate that fills its format


class Matting:
    """A loaded model. Call it with a plate; one call at a time.

    Parameters
    ----------
    info, engine : the model, and what runs it.
    at_once : how many frames under way it works on at once; see `pair`.
    """

    def __init__(self, info: ModelInfo, engine: Engine, at_once: int = 1):
        self.info, self.engine = info, engine
        self._threads = threads_of(engine.threads)
        self.timings: Mapping[str, float] = {}
        self._convert = Conversion(self._threads, 2 * at_once - 1)
        self._at_once, self._at_work = at_once, BoundedSemaphore(at_once)
        self._pair: Matting | None = None

    @property
    def device(self) -> str:
        """Where the network really runs: "cpu" or "cuda"."""
        return self.engine.device

    @property
    def remembers(self) -> bool:
        """Whether the model has a memory from frame to frame: that of `shot`; a call by itself is a still."""
        return bool(getattr(self.engine, "remembers", False))

    def view(self, height: int, width: int, pixel_aspect: float = 1.0) -> tuple[int, int]:
        """Height and width at which a plate of this size is looked at (`flyaway.geometry.viewing_size`)."""
        return viewing_size(height, width, pixel_aspect, self.info.view)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the regions that a plate of this size is parted into."""
        return grid_size(*self.view(height, width), self.engine.config.refiner.cell)

    def pair(self) -> Matting | None:
        """The same model, opened to work on several frames at once, each with its share of the threads.

        Two frames on a thread each are sooner done than one after the other on two: layers wait for their
        slowest thread, and what is around the network has one. Their mattes are the same to the bit. None
        where there is one thread, or the engine takes one frame at a time (a GPU, OpenVINO, torch). It is
        opened when it is first asked for, and takes some 30 MB, and a frame's working memory more.
        """
        if self._at_once > 1:
            return self
        threads = cores() if self.engine.threads is None else self.engine.threads
        if not getattr(self.engine, "at_once", False) or threads < 2:
            return None
        if self._pair is None:
            each = threads // 2
            engine = open_engine(self.info, self.engine.device, self.engine.name, each)
            self._pair = Matting(self.info, engine, at_once=threads // each)
        return self._pair

    def shot(self, *, steadiness: float = 1.0) -> ShotMatting:
        """Begin a shot: what is returned mattes its frames in order, each with the memory of those before.

        Several may be under way; each has its own memory, of a few megabytes. With a model that has none,
        every frame is a still.

        Parameters
        ----------
        steadiness : how far hair is held from frame to frame where the plate shows no change, 0 (not at all:
            what the network says) to 1; see `flyaway.steady`.

        Raises
        ------
        ControlError : a steadiness that is not between 0 and 1.
        """
        return ShotMatting(self, checked_steadiness(steadiness))

    def __call__(
        self,
        plate: Any,
        encoding: str = "srgb",
        *,
        premultiplied: bool = False,
        refine: bool = True,
        cells: NDArray[np.bool_] | None = None,
        reread: bool | None = None,
        pixel_aspect: float = 1.0,
    ) -> Matte:
        """Matte a plate.

        Parameters
        ----------
        plate : H×W, H×W×1, H×W×3 or H×W×4 array; see `flyaway.plate.as_display` for what is
            made of each type and of NaN, infinities and values outside 0..1. An alpha that comes
            with the plate is used only to undo premultiplication.
        encoding : "srgb" (display-referred) or "linear" (scene-linear, Rec.709 primaries).
        premultiplied : an RGBA plate's colour is multiplied by its alpha.
        refine : False returns the coarse alpha: quicker, without hair.
        cells : forces which regions are refined: rows×columns bool of `grid`; or of the plate's own grid,
            and it is then looked at as it is, however large or small. Lists of bool will do.
        reread : read alpha again in linear light (`flyaway.in_light`). None does so for the models that
            need it, by their manifest; False returns what the network reads.
        pixel_aspect : a pixel's width over its height, as the plate's header has it: 2 for anamorphic.

        A plate is looked at with square pixels, one of at most 341 px enlarged, and a large one reduced
        (`view`); its matte lies on the plate's own pixels, with the detail of these (`flyaway.detail`).

        Raises
        ------
        BadPlateError : the array cannot be a plate.
        EngineError : `cells` are not bool, or of another grid.
        """
        options: dict[str, Any] = {"premultiplied": premultiplied, "refine": refine, "cells": cells}
        return self.start(plate, encoding, **options, reread=reread, pixel_aspect=pixel_aspect)()

    def prepare(
        self,
        plate: Any,
        encoding: str = "srgb",
        premultiplied: bool = False,
        reread: bool | None = None,
        pixel_aspect: float = 1.0,
        cells: NDArray[np.bool_] | None = None,
        *,
        once: bool = False,
    ) -> Prepared:
        """Convert and reduce a plate, which needs no frame before it: in any thread, for `start`.

        Takes and raises what a call does; what is prepared stays as it is, and is returned as it is. The
        plate must not change until its matte is finished. With `once` it may be matted once: its memory is
        then used again.
        """
        if isinstance(plate, Prepared):
            return plate
        image = self._convert(plate, encoding, premultiplied, whole=self._reads(reread))
        height, width = image.shape[:2]
        view = self.view(height, width, pixel_aspect)
        if cells is not None:
            cell = self.engine.config.refiner.cell
            grids = grid_size(*view, cell), grid_size(height, width, cell)
            view = view if np.asarray(checked_cells(cells, *grids)).shape == grids[0] else (height, width)
        # A plate of that size is looked at as it is, bytes and all.
        looked_at = image if image.shape[:2] == view else resize(image, *view, threads=self._threads)
        return Prepared(image, looked_at, view, once)

    def start(
        self,
        plate: Any,
        encoding: str = "srgb",
        *,
        premultiplied: bool = False,
        refine: bool = True,
        cells: NDArray[np.bool_] | None = None,
        reread: bool | None = None,
        pixel_aspect: float = 1.0,
    ) -> Callable[[], Matte]:
        """Look at a plate; what is returned finishes its matte, called once by any thread.

        Takes and raises what a call does; a plate may be what `prepare` made of it, too. It must not change
        until its matte is finished.
        """
        reads = self._reads(reread)
        with self._at_work:
            plate = self.prepare(plate, encoding, premultiplied, reread, pixel_aspect, cells, once=True)
            looked = self.engine.look(plate.looked_at, cells=cells, refine=refine)

        def finish() -> Matte:
            result = self._finished(looked)
            result, _ = self._on_plate(plate, result, refined=refine, forced=cells is not None)
            return self._matte(plate, result, reads=reads)

        return finish

    def look_at_next(
        self,
        plate: Any,
        encoding: str,
        before: ShotState,
        *,
        premultiplied: bool = False,
        refine: bool = True,
        reread: bool | None = None,
        pixel_aspect: float = 1.0,
        steadiness: float = 1.0,
        framing: Framing = EVERYWHERE,
    ) -> Seen:
        """Look at a frame of a shot; `shot` keeps account of the state, and is what to call.

        Parameters
        ----------
        plate, encoding, premultiplied, refine, reread, pixel_aspect : as in `start`.
        before : what the frame before left, but for its hair; or `ShotState()`.
        steadiness : as `shot` takes it.
        framing : as a shot takes it.
        """
        reads = self._reads(reread)
        with self._at_work:
            plate = self.prepare(plate, encoding, premultiplied, reread, pixel_aspect, once=True)
            image, looked_at, view = plate[:3]
            began: Began = "" if before.looks else "first"
            origin = framing.x, framing.y
            if not began and (before.size != view or before.origin != origin):
                began = "size" if before.size != view else "place"
            is_cut, looks = cuts.judge(before.looks if not began else (), cuts.look(image, framing.held))
            began = "cut" if is_cut else began
            looked = self.engine.look(looked_at, refine=refine, states=States() if began else before.states)
        if looked.states is None:
            raise EngineError("this engine keeps no states, so it cannot matte a shot")

        def hold(result: Inference, left: Left) -> tuple[Matte, Left]:
            history = held = detail = None
            if steadiness > 0:
                watch = perf_counter()
                cell = self.engine.config.refiner.cell
                alpha, history, held = steadied(
                    looked_at, result.alpha, result.cells, cell, left.history, steadiness
                )
                result = timed(replace(result, alpha=alpha), "steady", watch)
            result, tiles = self._on_plate(plate, result, refined=refine)
            if steadiness > 0 and tiles is not None:
                watch = perf_counter()
                detail = hold_detail(result.alpha, tiles, view, held, left.detail, self._threads)
                result = timed(result, "steady", watch)
            # Where nothing is held of hair, nothing of it can be missing.
            whole = left.whole or steadiness == 0
            return self._matte(plate, result, reads=reads), Left(history, detail, whole)

        state = ShotState(faded(looked.states), looks, view, origin, before.frame)
        return Seen(state, began, partial(self._finished, looked), hold, steadiness > 0)

    def _finished(self, looked: Looked) -> Inference:
        with self._at_work:
            return looked.finish()

    def _reads(self, reread: bool | None) -> bool:
        return self.info.reads_encoded if reread is None else reread

    def _on_plate(self, plate: Prepared, result: Inference, **how: bool) -> OnPlate:
        cell = self.engine.config.refiner.cell
        return on_plate(plate.image, result, plate.looked_at, cell, self._threads, **how)

    def _matte(self, plate: Prepared, result: Inference, *, reads: bool) -> Matte:
        """What was found, on the plate's own pixels. Nothing looks at the plate after that."""
        alpha = result.alpha
        if reads:
            watch = perf_counter()
            alpha = read_in_light(plate.image, alpha)
            result = timed(result, "reread", watch)
        self.timings = result.timings
        if plate.once:
            self._convert.give_back(plate.image)
        return Matte(alpha, likeliest(result.trimap), result.coarse_map, result.cells, result.trimap[1])


def load(
    name: str = DEFAULT_MODEL,
    device: str = "auto",
    *,
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
) -> Matting:
    """Load a released model, ready to be called.

    Parameters
    ----------
    name : a name that `flyaway.list_models()` (or `flyaway models`) lists; `NAME@VERSION` for weights
        that came before, see `flyaway.earlier_models()`.
    device : "auto", "cpu" or "cuda"; one that is named is used, or it is an error.
    engine : "onnxruntime", "openvino" or "torch"; never another than the one that is named.
    threads : CPU threads; None leaves it to the engine.

    Raises
    ------
    UnknownModelError, CorruptWeightsError, MissingPackageError, EngineError, NoEngineError,
    ConflictingEnginesError, DeviceUnavailableError : see `flyaway.errors`.
    """
    info = model_info(name)
    return Matting(info, open_engine(info, device, engine, threads))
