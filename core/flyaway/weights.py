"""Released weights: which there are, where they lie, and whether they are the ones that were released.

The manifest is data from a folder, so nothing in it is trusted: its size is capped, every path must
stay inside the folder, and a file is only handed out once its size and SHA-256 are the listed ones.

Versions that came before lie in folders `NAME@VERSION`: in a checkout beside the current ones, else in a
package of their own, `flyaway_earlier_weights` (the extra `earlier`), and their copies for torch, which few
need, in another (`earlier-torch`). The manifest that says what their bytes have to be is always the one
beside the current weights. See decisions/0011.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from flyaway import __version__
from flyaway.earlier import EARLIER_PACKAGE, TORCH_PACKAGE, earlier_folder, earlier_remedy
from flyaway.errors import (
    CorruptWeightsError,
    FlyawayError,
    MissingPackageError,
    UnknownModelError,
    WeightsError,
)
from flyaway.manifest import REMEDY, config_of, inside, read_manifest, sha256_of, size_of, version_of

TORCH = "torch"  # the role of the file that the torch engine, training and Nuke's live model are made from
_CHUNK = 1 << 20
_AT_VERSION = re.compile(r"([^@]+)@([1-9][0-9]{0,6})", re.ASCII)


@dataclass(frozen=True)
class WeightFile:
    """One file of a model, as the manifest lists it; see `verified`.

    `package` is the one that holds it where it came before and lies apart; "" for current weights.
    """

    path: Path
    sha256: str
    bytes: int
    package: str = ""


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
    files: Mapping[str, WeightFile] = field(hash=False)
    config: Mapping[str, Any] = field(repr=False, hash=False)
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
    def graphs(self) -> dict[str, WeightFile]:
        """Its files but for torch's copy: what every other engine runs it from."""
        return {role: file for role, file in self.files.items() if role != TORCH}

    @property
    def installed(self) -> bool:
        """Whether what it runs from is here; only weights that came before may not be. Nothing is read.

        The torch engine needs a file more (`check_model`).
        """
        return not _missing(self)

    @property
    def view(self) -> int:
        """Cap on the long side (px) of what the network looks at; 0 is none (see `flyaway.detail`)."""
        return int(self.config.get("view", 0))

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

    All that are listed, also where `ModelInfo.installed` says that their files are not here.

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
    if not isinstance(name, str):
        raise UnknownModelError(f"a model is chosen by name, not by {name!r}: one of {', '.join(current)}.")
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


def check_model(name: str, torch: bool = False) -> None:
    """Raise unless there is a released model called `name`, and what it runs from is here.

    Parameters
    ----------
    torch : whether the torch engine is to run it.

    Raises
    ------
    UnknownModelError : see `model_info`.
    MissingPackageError : it came before, and the package that has it is not installed.
    CorruptWeightsError : that package is there, and has not all of it.
    """
    for file in _missing(model_info(name), torch)[:1]:
        raise _not_here(file)


def verified(file: WeightFile) -> Path:
    """The path of `file`, after its size and SHA-256 were found to be the listed ones.

    Raises
    ------
    CorruptWeightsError : missing, truncated, or another file than the one released.
    MissingPackageError : the package that would have it is not installed.
    """
    remedy = earlier_remedy(file.package) if file.package else REMEDY
    if file.package and not file.path.exists():
        raise _not_here(file)
    try:
        size = file.path.stat().st_size
        if size != file.bytes:
            raise CorruptWeightsError(
                f"{file.path} has {size:,} bytes where the manifest lists {file.bytes:,}"
                f" ({'truncated' if size < file.bytes else 'not the released file'}); {remedy}."
            )
        digest = hashlib.sha256()
        with file.path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise CorruptWeightsError(
            f"{file.path} cannot be read ({error.strerror or error}); {remedy}."
        ) from error
    if digest.hexdigest() != file.sha256:
        raise CorruptWeightsError(
            f"{file.path} is not the file that was released: its SHA-256 is {digest.hexdigest()},"
            f" the manifest lists {file.sha256}; {remedy}."
        )
    return file.path


def missing_remedy(info: ModelInfo, torch: bool = False) -> str:
    """What to install that a model can run, with the torch engine if so; "" where all of it is here."""
    packages = dict.fromkeys(file.package for file in _missing(info, torch))
    return ", and ".join(map(earlier_remedy, packages))


def _missing(info: ModelInfo, torch: bool = False) -> list[WeightFile]:
    needed = info.files if torch else info.graphs
    return [file for file in needed.values() if file.package and not file.path.is_file()]


def _not_here(file: WeightFile) -> FlyawayError:
    name, folder = f"{file.path.parent.name}/{file.path.name}", earlier_folder(file.package)
    remedy = earlier_remedy(file.package)
    if folder is None:
        what = (
            "weights that came before"
            if file.package == EARLIER_PACKAGE
            else "torch's copies of such weights"
        )
        return MissingPackageError(f"{name} is not installed: {what} are a package of their own; {remedy}.")
    return CorruptWeightsError(
        f"{folder} has no {name}: it is not of the same release as flyaway {__version__}; {remedy}."
    )


class _Released(NamedTuple):
    current: dict[str, ModelInfo]
    earlier: dict[str, ModelInfo]


def _released(folder: Path | None) -> _Released:
    root = weights_folder() if folder is None else Path(folder)
    path = root / "manifest.json"
    manifest = read_manifest(path)
    models, earlier = manifest.get("models"), manifest.get("earlier", {})
    if not isinstance(models, dict):
        raise WeightsError(f"{path} lists no models; {REMEDY}.")
    if not isinstance(earlier, dict):
        raise WeightsError(f"{path} has no table of earlier models where it names one; {REMEDY}.")
    parse = partial(_parse_model, root=root, released=folder is None)
    current = {name: parse(name, entry) for name, entry in models.items()}
    return _Released(
        current, {key: _parse_earlier(key, entry, parse, current) for key, entry in earlier.items()}
    )


def _parse_earlier(
    key: str, entry: Any, parse: Callable[..., ModelInfo], current: Mapping[str, ModelInfo]
) -> ModelInfo:
    parts = _AT_VERSION.fullmatch(key)
    if parts is None:
        raise WeightsError(f"The manifest calls earlier weights {key!r}, not NAME@VERSION; {REMEDY}.")
    info = parse(parts[1], entry, key=key)
    newest = current.get(info.name)
    if info.versioned_name != key or (newest is not None and info.version >= newest.version):
        now = "" if newest is None else f", and the current version is {newest.version}"
        raise WeightsError(
            f"The manifest's entry for {key!r} cannot be used (its version is {info.version}{now}); {REMEDY}."
        )
    return info


def _parse_model(name: str, entry: Any, *, root: Path, released: bool, key: str = "") -> ModelInfo:
    try:
        if "@" in name:
            raise ValueError("@ parts name and version")
        files = {str(role): _file(str(role), item, root, released) for role, item in entry["files"].items()}
        return ModelInfo(
            name=name,
            title=str(entry["title"]),
            licence=str(entry["licence"]),
            # Cards lie beside the weights folder, in models/cards.
            card=inside(root.parent, entry["card"]),
            files=files,
            config=config_of(entry["config"]),
            version=version_of(entry.get("version", 1)),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise WeightsError(
            f"The manifest's entry for {(key or name)!r} cannot be used"
            f" ({type(error).__name__}: {error}); {REMEDY}."
        ) from error


def _file(role: str, item: Mapping[str, Any], root: Path, released: bool) -> WeightFile:
    """A file as an entry lists it; those in folders `NAME@VERSION` may lie in a package for them."""
    path, package = inside(root, item["path"]), ""
    if released and "@" in item["path"].partition("/")[0]:
        package = TORCH_PACKAGE if role == TORCH else EARLIER_PACKAGE
        if not path.is_file() and (folder := earlier_folder(package)) is not None:
            path = inside(folder, item["path"])
    return WeightFile(path, sha256_of(item["sha256"]), size_of(item["bytes"]), package)
