"""Released weights: which there are, where they lie, and whether they are the ones that were released.

The manifest is data from a folder, so nothing in it is trusted: its size is capped, every path must
stay inside the folder, and a file is only handed out once its size and SHA-256 are the listed ones.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from flyaway.errors import CorruptWeightsError, UnknownModelError, WeightsError

MANIFEST_FORMAT = 1
# A manifest is a page of JSON; a larger one is a mistake or an attack.
MAX_MANIFEST_BYTES = 1 << 20
# The largest model in sight (the paper's, fp32) has 125 MB.
MAX_WEIGHT_BYTES = 1 << 30
# Far more releases than any model will have.
MAX_VERSION = 1_000_000
_CHUNK = 1 << 20
_AT_VERSION = re.compile(r"([^@]+)@([1-9][0-9]{0,6})", re.ASCII)
_REMEDY = "reinstall flyaway, or check out models/weights again"


@dataclass(frozen=True)
class WeightFile:
    """One file of a model, as the manifest lists it; see `verified`."""

    path: Path
    sha256: str
    bytes: int


@dataclass(frozen=True)
class ModelInfo:
    """One released model.

    Attributes
    ----------
    name : what `flyaway.load` and `--model` take; the same for all versions of a model.
    title : one line for people.
    licence : SPDX identifier of the weights.
    card : the model card (Markdown).
    files : role ("coarse", "tokens", "refine", "torch") → file.
    config : the network's configuration, as plain JSON values.
    version : which release of these weights, from 1.
    """

    name: str
    title: str
    licence: str
    card: Path
    files: Mapping[str, WeightFile]
    config: Mapping[str, Any] = field(repr=False)
    version: int = 1

    @property
    def versioned_name(self) -> str:
        """Name and version, as `flyaway.load` and `--model` take them too: `fast@4`."""
        return f"{self.name}@{self.version}"

    @property
    def remembers(self) -> bool:
        """Whether it has a memory from frame to frame (see `flyaway.shots`)."""
        return "shot" in self.files

    @property
    def reads_encoded(self) -> bool:
        """Whether its alpha is what mixes encoded values, and no coverage yet (see `flyaway.in_light`)."""
        return bool(self.config.get("mixed_in", "encoded") == "encoded")


def weights_folder() -> Path:
    """Where the released weights lie: in the installed package, or in models/ of a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_models" / "weights"
    if installed.is_dir():
        return installed
    return package.parents[1] / "models" / "weights"


def list_models(folder: Path | None = None) -> dict[str, ModelInfo]:
    """Every released model, by name, in the manifest's order: of each the current version.

    Parameters
    ----------
    folder : a folder with a `manifest.json`; the released weights when None.

    Raises
    ------
    WeightsError : no manifest there, or not one that this version can read.
    """
    return _released(folder).current


def earlier_models(folder: Path | None = None) -> dict[str, ModelInfo]:
    """The weights that came before and can still be asked for: `NAME@VERSION`, in the manifest's order.

    Parameters
    ----------
    folder : a folder with a `manifest.json`; the released weights when None.

    Raises
    ------
    WeightsError : no manifest there, or not one that this version can read.
    """
    return _released(folder).earlier


def model_info(name: str, folder: Path | None = None) -> ModelInfo:
    """The released model called `name`: the current version, or with `NAME@VERSION` that one.

    Raises
    ------
    UnknownModelError : no such model, or no such version; the message lists those there are.
    """
    current, earlier = _released(folder)
    if name in current:
        return current[name]
    known = {info.versioned_name: info for info in current.values()} | earlier
    if name in known:
        return known[name]
    base = name.partition("@")[0]
    versions = [key for key, info in known.items() if info.name == base]
    if versions:
        raise UnknownModelError(f"There is no {name!r}; of {base!r} there is {', '.join(versions)}.")
    raise UnknownModelError(f"There is no model {name!r}; there is {', '.join(current) or 'none'}.")


def verified(file: WeightFile) -> Path:
    """The path of `file`, after its size and SHA-256 were found to be the listed ones.

    Raises
    ------
    CorruptWeightsError : missing, truncated, or another file than the one released.
    """
    try:
        size = file.path.stat().st_size
        if size != file.bytes:
            raise CorruptWeightsError(
                f"{file.path} has {size:,} bytes where the manifest lists {file.bytes:,}"
                f" ({'truncated' if size < file.bytes else 'not the released file'}); {_REMEDY}."
            )
        digest = hashlib.sha256()
        with file.path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise CorruptWeightsError(
            f"{file.path} cannot be read ({error.strerror or error}); {_REMEDY}."
        ) from error
    if digest.hexdigest() != file.sha256:
        raise CorruptWeightsError(
            f"{file.path} is not the file that was released: its SHA-256 is {digest.hexdigest()},"
            f" the manifest lists {file.sha256}; {_REMEDY}."
        )
    return file.path


class _Released(NamedTuple):
    current: dict[str, ModelInfo]
    earlier: dict[str, ModelInfo]


def _released(folder: Path | None) -> _Released:
    root = weights_folder() if folder is None else Path(folder)
    path = root / "manifest.json"
    manifest = _read_manifest(path)
    models, earlier = manifest.get("models"), manifest.get("earlier", {})
    if not isinstance(models, dict):
        raise WeightsError(f"{path} lists no models; {_REMEDY}.")
    if not isinstance(earlier, dict):
        raise WeightsError(f"{path} has no table of earlier models where it names one; {_REMEDY}.")
    current = {name: _parse_model(name, entry, root) for name, entry in models.items()}
    return _Released(
        current, {key: _parse_earlier(key, entry, root, current) for key, entry in earlier.items()}
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            # One byte past the cap tells a file at the cap from one beyond it, whatever stat says.
            data = stream.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise WeightsError(
            f"No weights: {path} cannot be read ({error.strerror or error}); {_REMEDY}."
        ) from error
    if len(data) > MAX_MANIFEST_BYTES:
        raise WeightsError(
            f"{path} is larger than a manifest may be ({MAX_MANIFEST_BYTES:,} bytes); {_REMEDY}."
        )
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not JSON ({error}); {_REMEDY}.") from error
    if not isinstance(manifest, dict):
        raise WeightsError(f"{path} is not a manifest; {_REMEDY}.")
    if manifest.get("format") != MANIFEST_FORMAT:
        raise WeightsError(
            f"{path} has format {manifest.get('format')!r}; this version of flyaway reads"
            f" {MANIFEST_FORMAT}: install the version that these weights came with."
        )
    return manifest


def _parse_earlier(key: str, entry: Any, root: Path, current: Mapping[str, ModelInfo]) -> ModelInfo:
    parts = _AT_VERSION.fullmatch(key)
    if parts is None:
        raise WeightsError(f"The manifest calls earlier weights {key!r}, not NAME@VERSION; {_REMEDY}.")
    info = _parse_model(parts[1], entry, root, key)
    newest = current.get(info.name)
    if info.versioned_name != key or (newest is not None and info.version >= newest.version):
        now = "" if newest is None else f", and the current version is {newest.version}"
        raise WeightsError(
            f"The manifest's entry for {key!r} cannot be used"
            f" (its version is {info.version}{now}); {_REMEDY}."
        )
    return info


def _parse_model(name: str, entry: Any, root: Path, key: str = "") -> ModelInfo:
    try:
        if "@" in name:
            raise ValueError("@ parts name and version")
        files = {
            str(role): WeightFile(
                path=_inside(root, item["path"]),
                sha256=_sha256(item["sha256"]),
                bytes=_size(item["bytes"]),
            )
            for role, item in entry["files"].items()
        }
        return ModelInfo(
            name=name,
            title=str(entry["title"]),
            licence=str(entry["licence"]),
            # Cards lie beside the weights folder, in models/cards.
            card=_inside(root.parent, entry["card"]),
            files=MappingProxyType(files),
            config=MappingProxyType(_config(entry["config"])),
            version=_version(entry.get("version", 1)),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise WeightsError(
            f"The manifest's entry for {(key or name)!r} cannot be used"
            f" ({type(error).__name__}: {error}); {_REMEDY}."
        ) from error


def _config(values: Any) -> dict[str, Any]:
    config = dict(values)
    mixed_in = config.get("mixed_in", "encoded")
    if mixed_in not in ("encoded", "linear"):
        raise ValueError(f'mixed_in is "encoded" or "linear", not {mixed_in!r}')
    return config


def _inside(root: Path, relative: Any) -> Path:
    """`root / relative`, which must stay inside `root`, symbolic links followed."""
    if not isinstance(relative, str) or not relative or "\\" in relative or "\0" in relative:
        raise ValueError(f"{relative!r} is not a relative path with forward slashes")
    resolved_root = root.resolve()
    path = (resolved_root / relative).resolve()
    if Path(relative).is_absolute() or ".." in Path(relative).parts or not path.is_relative_to(resolved_root):
        raise ValueError(f"{relative!r} leads out of {root}")
    return path


def _version(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_VERSION:
        raise ValueError(f"{value!r} is not a version: a whole number from 1 to {MAX_VERSION:,}")
    return value


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"{value!r} is not a SHA-256 in lower-case hexadecimal")
    return value


def _size(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_WEIGHT_BYTES:
        raise ValueError(f"{value!r} is not a size in bytes up to {MAX_WEIGHT_BYTES:,}")
    return value
