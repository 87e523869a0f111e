"""The packages of weights that came before: looked for, and never imported. See decisions/0011."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from flyaway import __version__

# What the extras `earlier` and `earlier-torch` install.
EARLIER_PACKAGE = "flyaway_earlier_weights"
TORCH_PACKAGE = "flyaway_earlier_torch_weights"
_EXTRAS = {EARLIER_PACKAGE: "earlier", TORCH_PACKAGE: "earlier-torch"}


def earlier_folder(package: str) -> Path | None:
    """Where a package of earlier weights lies; None where it is not installed."""
    spec = find_spec(package)
    places = None if spec is None else spec.submodule_search_locations
    return Path(places[0]) if places else None


def earlier_remedy(package: str = EARLIER_PACKAGE) -> str:
    """What to do where such a package is missing, or is another one."""
    return (
        f"install {package}-{__version__}-py3-none-any.whl, which is released beside flyaway's own wheel"
        f' (the extra "flyaway[{_EXTRAS[package]}]", where your index has it)'
    )
