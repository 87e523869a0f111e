"""A trained network → a released model: three ONNX graphs, fp16 safetensors, an entry of the manifest.

The weights are rounded to half precision first, so that the ONNX graphs (float32) and the safetensors
file hold the same numbers and the two engines can be held to one bound.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from flyaway.errors import WeightsError
from flyaway.export.graphs import export_graphs
from flyaway.manifest import MANIFEST_FORMAT, MAX_VERSION
from flyaway.network import MattingNetwork
from flyaway.network_config import CONFIGS, NetworkConfig
from flyaway.weights import list_models


def read_checkpoint(path: Path, config: NetworkConfig) -> MattingNetwork:
    """A network from a training checkpoint, its weights rounded to half precision.

    Raises
    ------
    WeightsError : the file does not fit the configuration.
    """
    network = MattingNetwork(config)
    try:
        network.load_state_dict({k: v.half().float() for k, v in load_file(path).items()})
    except (RuntimeError, OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path} is no checkpoint of configuration {config.name!r}: {str(error)[:300]}"
        ) from error
    return network.eval()


def release(
    checkpoint: Path,
    config: str,
    name: str,
    root: Path,
    title: str,
    licence: str,
    *,
    version: int | None = None,
    keep_earlier: bool = False,
) -> dict[str, Any]:
    """Write a model's files below `root` (models/weights) and list it in the manifest.

    Parameters
    ----------
    checkpoint : weights or average of a training run, safetensors.
    config : the configuration that it was trained in.
    name : the model's.
    root : the manifest's folder.
    title : one line for people.
    licence : SPDX identifier of the weights.
    version : which release of the model this is; one more than the newest there is when None.
    keep_earlier : list what is replaced as `NAME@VERSION` under "earlier".

    Files in the model's folder that an earlier entry lists (the one that is kept, or one that shares them)
    are moved to the folder `NAME@VERSION`, and a current model that shares them gets its own: nothing that
    can be asked for changes, and no current model needs a folder `NAME@VERSION`, which are packed apart.

    Raises
    ------
    WeightsError : no such configuration, or one that cannot be exported; a checkpoint that does not
        fit it; a name that is no folder's name; a version that is taken; a manifest that cannot be read.
    """
    manifest = _manifest(root)
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
        raise WeightsError(f"{name!r} cannot name a model: use letters, digits, '.', '-' and '_'")
    version = _next_version(manifest, name, version, keep_earlier=keep_earlier)
    network = read_checkpoint(checkpoint, _exportable(config))
    order = list(manifest["models"])
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=root) as scratch:
        # Beside the released files until all is made: an export that fails has changed nothing.
        files = export_graphs(network, Path(scratch) / name)
        files["torch"] = Path(scratch) / name / f"{name}.fp16.safetensors"
        save_file({k: v.half().contiguous() for k, v in network.state_dict().items()}, files["torch"])
        # safetensors leaves it readable to its owner alone
        files["torch"].chmod(files["coarse"].stat().st_mode)
        _make_room(manifest, name, root, keep_earlier=keep_earlier)
        (root / name).mkdir(exist_ok=True)
        files = {role: path.replace(root / name / path.name) for role, path in files.items()}
    entry: dict[str, Any] = {
        "title": title,
        "licence": licence,
        "card": f"cards/{name}.md",
        "version": version,
        "config": network.config.to_dict(),
        "files": {role: _listing(path, root) for role, path in files.items()},
    }
    # Where it stood: the first of the list is the one that is offered first.
    manifest["models"] = {key: manifest["models"].get(key, entry) for key in dict.fromkeys([*order, name])}
    partial = root / "manifest.part"
    partial.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    partial.replace(root / "manifest.json")
    return entry


def _next_version(manifest: dict[str, Any], name: str, asked: int | None, *, keep_earlier: bool) -> int:
    current = manifest["models"].get(name)
    if keep_earlier and current is None:
        raise WeightsError(f"there is no {name!r} yet that could be kept as an earlier version")
    now = 0 if current is None else current.get("version", 1)
    parts = [key.rpartition("@") for key in manifest.get("earlier", {})]
    before = max((int(number) for base, _, number in parts if base == name), default=0)
    version = max(now, before) + 1 if asked is None else asked
    # Without a version to keep, the current one may be made again.
    taken = max(before, now if keep_earlier else now - 1, 0)
    if not taken < version <= MAX_VERSION:
        raise WeightsError(f"{name!r} cannot become version {version}: it has to be above {taken}")
    return int(version)


def _make_room(manifest: dict[str, Any], name: str, root: Path, *, keep_earlier: bool) -> None:
    """Take the entry of `name` out, and what others list of its folder to where nothing overwrites it."""
    replaced = manifest["models"].pop(name, None)
    if replaced is None:
        return
    key = f"{name}@{replaced.get('version', 1)}"
    if keep_earlier:
        manifest.setdefault("earlier", {})[key] = replaced | {"version": replaced.get("version", 1)}
    # Current models first: they copy what earlier ones then take away.
    for holder, file in _listed(manifest, key):
        folder, _, rest = file["path"].partition("/")
        if folder != name:
            continue
        source, target = root / file["path"], root / holder / rest
        if source.is_file():  # the first of several that list it
            target.parent.mkdir(parents=True, exist_ok=True)
            if holder == key:
                source.replace(target)
            else:
                shutil.copyfile(source, target)
        file["path"] = f"{holder}/{rest}"


def _listed(manifest: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every file that the manifest lists, as it stands there, and the folder for it if it has to move."""
    for name, entry in manifest["models"].items():
        yield from ((name, file) for file in entry["files"].values())
    for entry in manifest.get("earlier", {}).values():
        yield from ((key, file) for file in entry["files"].values())


def _manifest(root: Path) -> dict[str, Any]:
    """The manifest that the model is to be added to; read first, so that a bad one costs no export."""
    if not (root / "manifest.json").exists():
        return {"format": MANIFEST_FORMAT, "models": {}}
    list_models(root)
    manifest: dict[str, Any] = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def _exportable(name: str) -> NetworkConfig:
    if name not in CONFIGS:
        raise WeightsError(f"there is no configuration {name!r}; there is {', '.join(CONFIGS)}")
    config = CONFIGS[name]
    if config.refiner.kind != "unshuffle" or config.coarse.stride != 1:
        raise WeightsError(
            f"configuration {name!r} is the paper's structure, for which there is no host loop: "
            "run it in torch, or export one of ours"
        )
    return config


def _listing(path: Path, root: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "path": path.relative_to(root).as_posix(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
