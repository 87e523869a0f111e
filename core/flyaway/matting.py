"""The heart: a plate in, a matte out. What a script, a host and the batch all call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway import cuts
from flyaway.detail import cells_on, detailed, soft_cells, tiles_on
from flyaway.engines.base import DEFAULT_ENGINE, Engine, Inference, open_engine
from flyaway.errors import EngineError
from flyaway.geometry import Framing, grid_size, viewing_size
from flyaway.held_detail import hold
from flyaway.in_light import read_in_light
from flyaway.matte import Matte, likeliest
from flyaway.parallel import threads_of
from flyaway.plate import as_display, as_engine_view
from flyaway.regions.numpy_backend import upsample
from flyaway.resample import resize
from flyaway.shots import Began, ShotMatting, ShotState, faded
from flyaway.steady import checked_steadiness, steadied
from flyaway.weights import ModelInfo, model_info

DEFAULT_MODEL = "fast"
EVERYWHERE = Framing()  # a plate that fills its format
KEPT_BYTES = 128 << 20  # a converted plate of up to UHD is memory for the next one of its size


class Matting:
    """A loaded model. Call it with a plate; one call at a time."""

    def __init__(self, info: ModelInfo, engine: Engine):
        self.info, self.engine = info, engine
        self._threads = threads_of(engine.threads)
        self.timings: Mapping[str, float] = {}
        self._display: NDArray[np.float32] | None = None

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
            and it is then looked at as it is, however large or small.
        reread : read alpha again in linear light (`flyaway.in_light`). None does so for the models that
            need it, by their manifest; False returns what the network reads.
        pixel_aspect : a pixel's width over its height, as the plate's header has it: 2 for anamorphic.

        A plate is looked at with square pixels, one of at most 341 px enlarged, and a large one reduced
        (`view`); its matte lies on the plate's own pixels, with the detail of these (`flyaway.detail`).

        Raises
        ------
        BadPlateError : the array cannot be a plate.
        """
        reads = self._reads(reread)
        image = self._engine_view(plate, encoding, premultiplied, whole=reads)
        height, width = image.shape[:2]
        view = self.view(height, width, pixel_aspect)
        if cells is not None and cells.shape != grid_size(*view, self.engine.config.refiner.cell):
            view = height, width
        looked_at = self._looked_at(image, view)
        result = self.engine.infer(looked_at, cells=cells, refine=refine)
        result, _ = self._on_plate(image, result, looked_at, refined=refine, forced=cells is not None)
        return self._matte(image, result, reads=reads)

    def next_frame(
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
    ) -> tuple[Matte, ShotState, Began]:
        """Matte a frame of a shot; `shot` keeps account of the state, and is what to call.

        Parameters
        ----------
        plate, encoding, premultiplied, refine, reread, pixel_aspect : as in a call.
        before : what the frame before left, or `ShotState()`.
        steadiness : as `shot` takes it.
        framing : as a shot takes it.

        Returns
        -------
        The matte, what this frame leaves, and why it began anew ("first", "size", "place", "cut") or "".
        """
        reads = self._reads(reread)
        image = self._engine_view(plate, encoding, premultiplied, whole=reads)
        view = self.view(image.shape[0], image.shape[1], pixel_aspect)
        began: Began = "" if before.looks else "first"
        origin = framing.x, framing.y
        if not began and (before.size != view or before.origin != origin):
            began = "size" if before.size != view else "place"
        is_cut, looks = cuts.judge(before.looks if not began else (), cuts.look(image, framing.held))
        began = "cut" if is_cut else began
        if began:
            before = ShotState(frame=before.frame)
        looked_at = self._looked_at(image, view)
        result = self.engine.infer(looked_at, refine=refine, states=before.states)
        left = result.states
        if left is None:
            raise EngineError("this engine keeps no states, so it cannot matte a shot")
        history = held = detail = None
        if steadiness > 0:
            watch = perf_counter()
            cell = self.engine.config.refiner.cell
            alpha, history, held = steadied(
                looked_at, result.alpha, result.cells, cell, before.history, steadiness
            )
            result = timed(replace(result, alpha=alpha), "steady", watch)
        result, tiles = self._on_plate(image, result, looked_at, refined=refine)
        if steadiness > 0 and tiles is not None:
            watch = perf_counter()
            detail = hold(result.alpha, tiles, view, held, before.detail, self._threads)
            result = timed(result, "steady", watch)
        state = ShotState(faded(left), looks, view, origin, before.frame, history, detail)
        return self._matte(image, result, reads=reads), state, began

    def _reads(self, reread: bool | None) -> bool:
        return self.info.reads_encoded if reread is None else reread

    def _engine_view(self, plate: Any, encoding: str, premultiplied: bool, *, whole: bool) -> NDArray[Any]:
        # Both colours of every soft pixel are worked out of a plate that is read again: in float32, whole.
        look = as_display if whole else as_engine_view
        image: NDArray[Any] = look(plate, encoding, premultiplied, into=self._display)
        if image.dtype == np.float32:
            self._display = image if image.nbytes <= KEPT_BYTES else None
        return image

    def _looked_at(self, image: NDArray[Any], view: tuple[int, int]) -> NDArray[Any]:
        """A plate as the network looks at it; one of that size as it is, bytes and all."""
        return image if image.shape[:2] == view else resize(image, *view, threads=self._threads)

    def _matte(self, image: NDArray[Any], result: Inference, *, reads: bool) -> Matte:
        """What was found, on the plate's own pixels."""
        alpha = result.alpha
        if reads:
            watch = perf_counter()
            alpha = read_in_light(image, alpha)
            result = timed(result, "reread", watch)
        self.timings = result.timings
        return Matte(alpha, likeliest(result.trimap), result.coarse_map, result.cells, result.trimap[1])

    def _on_plate(
        self,
        image: NDArray[Any],
        result: Inference,
        looked_at: NDArray[Any],
        *,
        refined: bool,
        forced: bool = False,
    ) -> tuple[Inference, NDArray[np.bool_] | None]:
        """What was found in a plate that was looked at in another size, on the plate's own pixels.

        `looked_at`: what the network was shown of it. Returns the tiles that have detail besides.
        """
        if looked_at.shape == image.shape:
            return result, None
        watch, tiles = perf_counter(), None
        size = height, width = image.shape[0], image.shape[1]
        small = rows, columns = result.alpha.shape[0], result.alpha.shape[1]
        if not refined and height >= rows and width >= columns:
            alpha = upsample(result.coarse_map, height, width).clip(0, 1)
        elif not refined or (height <= rows and width <= columns):
            alpha = resize(result.alpha[..., None], height, width)[..., 0].clip(0, 1)
        else:
            edges = soft_cells(result.alpha)
            if forced and result.cells.shape == edges.shape:
                # Cells that are forced, to measure what they cost, cost all that a soft edge in them would.
                edges |= result.cells
            alpha = detailed(image, looked_at, result.alpha, edges, self._threads)
            tiles = tiles_on(edges, small, size)
        cells = cells_on(result.cells, self.engine.config.refiner.cell, small, size)
        return timed(replace(result, alpha=alpha, cells=cells), "detail", watch), tiles


def timed(result: Inference, stage: str, began: float) -> Inference:
    """The same, with the seconds since `began` (of `perf_counter`) added to a stage's."""
    seconds = result.timings.get(stage, 0.0) + perf_counter() - began
    return replace(result, timings={**result.timings, stage: seconds})


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
    UnknownModelError, CorruptWeightsError, MissingPackageError, NoEngineError, ConflictingEnginesError,
    DeviceUnavailableError : see `flyaway.errors`.
    """
    info = model_info(name)
    return Matting(info, open_engine(info, device, engine, threads))
