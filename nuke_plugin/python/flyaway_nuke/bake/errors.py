"""What the bake raises on purpose: messages for an artist, with the remedy in them."""

from __future__ import annotations


class BakeError(Exception):
    """Root of every error that the bake raises on purpose."""


class RangeError(BakeError, ValueError):
    """A frame range that means nothing."""


class LauncherError(BakeError):
    """The flyaway command line was not found, or does not run."""


class PlateError(BakeError):
    """What the node is given cannot be baked as it stands."""


class CacheError(BakeError):
    """A bake's folder is not there, or not what it should be."""


class FarmError(BakeError):
    """A job could not be handed to the farm."""
