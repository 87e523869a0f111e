"""Files of released models that hold the same bytes, listed once: what two models share is shipped once."""

from __future__ import annotations

import json
from pathlib import Path

from flyaway.weights import earlier_models, list_models, verified


def list_once(root: Path) -> list[str]:
    """Let entries of a manifest with equal files list one of them, and remove what nobody lists then.

    A file that a current model lists stays, in the order of the manifest, before one of an earlier version:
    what a current model needs never lies in a folder `NAME@VERSION`, which are packed apart.

    Parameters
    ----------
    root : the manifest's folder.

    Returns
    -------
    What was removed, relative to `root`.

    Raises
    ------
    WeightsError : a manifest that cannot be read; CorruptWeightsError : a file is not what it lists.
    """
    for info in (list_models(root) | earlier_models(root)).values():
        for listed in info.files.values():  # all are what their hash says before any is removed
            verified(listed)
    manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    entries = [*manifest["models"].values(), *manifest.get("earlier", {}).values()]
    files = [file for entry in entries for file in entry["files"].values()]
    before, kept = {file["path"] for file in files}, dict[str, str]()
    for file in files:
        file["path"] = kept.setdefault(file["sha256"], file["path"])
    gone = sorted(before - set(kept.values()))
    partial = root / "manifest.part"
    partial.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    partial.replace(root / "manifest.json")
    for path in gone:
        (root / path).unlink(missing_ok=True)
        if not any((root / path).parent.iterdir()):
            (root / path).parent.rmdir()
    return gone
