"""The one door to the network. Nothing else in this add-on knows what runs it, or where.

An engine takes a display-referred plate and returns what it found there. `LocalEngine` runs onnxruntime in
Blender; a process outside Blender (a GPU's, another Python's) is one more class with these methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from flyaway.shots import ShotMatting, ShotState


@dataclass(frozen=True)
class Choice:
    """Which network, and where it runs."""

    model: str = "fast"
    device: str = "auto"
    threads: int = 0
    weights: str = ""  # a folder with a manifest.json; "" is what came with the add-on


@dataclass(frozen=True)
class Found:
    """What was found in a plate of H×W; row 0 is the top.

    Attributes
    ----------
    alpha : H×W float32, linear coverage 0..1, the network's own.
    unknown : H×W float32, 0..1: how likely a pixel is neither in nor out.
    colour : H×W×4 float32, see `foreground`; None where nobody asked for it.
    """

    alpha: np.ndarray
    unknown: np.ndarray | None = None
    colour: np.ndarray | None = None


class Engine(Protocol):
    """What a matte comes from. Called from one thread at a time."""

    device: str

    def matte(self, plate: np.ndarray, refine: bool, pixel_aspect: float = 1.0) -> Found:
        """Matte a plate.

        Parameters
        ----------
        plate : H×W×4 float32, display-referred sRGB, premultiplied, row 0 at the top.
        refine : False returns the coarse alpha.
        pixel_aspect : a pixel's width over its height.

        Returns
        -------
        All but the colour.
        """
        ...


Look = Callable[[np.ndarray, bool, float], Found]  # see `Engine.matte`


class LocalEngine:
    """The core, in this process."""

    def __init__(self, choice: Choice):
        from flyaway.engines.base import open_engine
        from flyaway.matting import Matting

        info = _models(choice.weights)[choice.model]
        self._matting = Matting(info, open_engine(info, choice.device, threads=choice.threads or None))
        self.device = self._matting.device

    def matte(self, plate: np.ndarray, refine: bool, pixel_aspect: float = 1.0) -> Found:
        """See `Engine.matte`."""
        plate, premultiplied = _own(plate)
        matte = self._matting(
            plate, "srgb", premultiplied=premultiplied, refine=refine, pixel_aspect=pixel_aspect
        )
        return Found(matte.alpha, matte.unknown)

    def shot(self, steadiness: float) -> ShotMatting:
        """Begin a shot."""
        return self._matting.shot(steadiness=steadiness)


class Shot:
    """Frames in order, each matted with what those before it left. Opens its network when it is first used.

    Attributes
    ----------
    state : what the last frame left; None before the first.
    began : why it began anew, as `flyaway.shots.ShotMatting` says it.
    """

    def __init__(self, choice: Choice, steadiness: float = 1.0):
        self._choice, self._steadiness = choice, steadiness
        self._shot: ShotMatting | None = None
        self.state: ShotState | None = None
        self.began = ""

    def at(self, frame: int, before: ShotState | None) -> Look:
        """What mattes a frame, given what the last one before it that could be had left; for any thread."""

        def look(plate: np.ndarray, refine: bool, pixel_aspect: float) -> Found:
            from flyaway.shots import ShotState

            if self._shot is None:
                self._shot = get(self._choice).shot(self._steadiness)
            shot, known = self._shot, before or ShotState()
            shot.restore(known)  # whatever was broken off since is forgotten
            if known.frame is not None:
                for number in range(known.frame + 1, frame):
                    shot.passed(number)
            plate, premultiplied = _own(plate)
            shape = {"premultiplied": premultiplied, "refine": refine, "pixel_aspect": pixel_aspect}
            matte = shot(plate, "srgb", frame=frame, **shape)
            self.state, self.began = shot.state(), shot.began
            return Found(matte.alpha, matte.unknown)

        return look


def steady_version() -> int:
    """Which filter holds hair from frame to frame: another one makes other mattes."""
    from flyaway.steady import VERSION

    return VERSION


def shot_places() -> ModuleType:
    """How places in a shot are named, and how many handles it has: the same as in batches."""
    from flyaway import shot_place

    return shot_place


def state_files() -> ModuleType:
    """How a shot's state is written to a file and read from one."""
    from flyaway import state_file

    return state_file


def bad_state() -> type[Exception]:
    """What a state that is none raises."""
    from flyaway.errors import BadStateError

    return BadStateError


def foreground(plate: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The person's own colour at soft edges; no network runs for it.

    Parameters
    ----------
    plate : H×W×4 float32, display-referred sRGB, premultiplied.
    alpha : H×W float32, the network's matte.

    Returns
    -------
    H×W×4 float32: straight, scene-linear, Rec.709 primaries; and 1 where that is the colour to take, 0.5
    where the plate's own is the person's, 0 where nobody is. Where it is not 1, the colour is 0.
    """
    from flyaway.colorimetry import srgb_to_linear
    from flyaway.foreground import foreground as estimate

    plate, premultiplied = _own(plate)
    colour = estimate(plate, alpha, "srgb", premultiplied=premultiplied)
    solid = alpha >= 1
    at_edges = np.flatnonzero(~solid & ((alpha > 0) | (colour != 0).any(-1)))
    found = np.zeros((*alpha.shape, 4), np.float32)
    found[..., 3] = solid * np.float32(0.5)
    flat = found.reshape(-1, 4)
    flat[at_edges, :3] = srgb_to_linear(colour.reshape(-1, 3)[at_edges])
    flat[at_edges, 3] = 1
    return found


def _own(plate: np.ndarray) -> tuple[np.ndarray, bool]:
    """A plate without an alpha that says nothing, and whether it is premultiplied by what is left of it."""
    opaque = float(plate[..., 3].min()) >= 1
    return (plate[..., :3], False) if opaque else (plate, True)


_open: dict[Choice, Engine] = {}


def get(choice: Choice) -> Engine:
    """The engine for `choice`, opened once; the one before it is let go, with its memory."""
    if choice not in _open:
        models = model_names(choice.weights)
        if choice.model not in models:
            told = f"There is no model {choice.model!r} here, only {', '.join(models) or 'none'}"
            if "@" in choice.model:
                raise LookupError(
                    f"{told}: earlier weights are not in the extension. Choose another, or name the folder"
                    " models/weights of a checkout of Flyaway that has them, in the preferences under Models."
                )
            raise LookupError(f"{told}: choose another one, or name its folder in the add-on's preferences.")
        engine = LocalEngine(choice)
        _open.clear()
        _open[choice] = engine
    return _open[choice]


def close() -> None:
    """Let go of all engines."""
    _open.clear()


def model_names(weights: str = "") -> list[str]:
    """The models there are: those that came with the add-on, and all in the folder `weights`."""
    return list(_models(weights))


def remembers(choice: Choice) -> bool:
    """Whether a model has a memory from frame to frame."""
    info = _models(choice.weights).get(choice.model)
    return info is not None and info.remembers


def model_digest(choice: Choice) -> str:
    """What tells these weights from others of the same name."""
    info = _models(choice.weights).get(choice.model)
    return (
        "" if info is None else ",".join(f"{role}:{file.sha256}" for role, file in sorted(info.files.items()))
    )


def version() -> str:
    """The version of the core: another one may matte the same plate otherwise."""
    import flyaway

    return flyaway.__version__


def devices() -> list[str]:
    """What onnxruntime offers here, best first."""
    from flyaway.engines.base import available_devices

    return available_devices()


def _models(weights: str) -> dict[str, object]:
    from flyaway.weights import earlier_models, list_models

    models = dict(list_models())
    if weights:
        models.update(list_models(Path(weights)))
        before = earlier_models(Path(weights))
        # A manifest may list more than lies beside it, and versions share files: all of one's are looked for.
        models |= {
            key: one
            for key, one in before.items()
            if all(file.path.is_file() for file in one.graphs.values())
        }
    return models
