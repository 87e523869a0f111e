"""Preferences: what runs the networks, and where mattes are kept."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from . import engine

DEFAULT_CACHE = "//flyaway_mattes"
_items: list[tuple[str, str, str]] = []


def _device_items(_self: object, _context: object) -> list[tuple[str, str, str]]:
    try:
        devices = engine.devices()
    except Exception:
        devices = []
    names = ["auto", *devices]
    if [item[0] for item in _items] != names:
        _items[:] = [(name, name, "The fastest there is" if name == "auto" else name) for name in names]
    return _items


class FlyawayPreferences(bpy.types.AddonPreferences):
    """Edit > Preferences > Add-ons > Flyaway."""

    bl_idname = __package__

    device: EnumProperty(
        name="Device", items=_device_items, description="Where the network runs: what onnxruntime offers here"
    )
    weights: StringProperty(
        name="Models", subtype="DIR_PATH", description="A folder with a manifest.json of further models"
    )
    cache: StringProperty(
        name="Cache",
        default=DEFAULT_CACHE,
        description="Where mattes are kept; // is the .blend's folder",
    )
    threads: IntProperty(
        name="Threads", min=0, max=256, default=0, description="CPU threads; 0 is as many as fit"
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw them."""
        layout = self.layout
        layout.use_property_split = True
        for name in ("device", "weights", "cache", "threads"):
            layout.prop(self, name)


def get() -> FlyawayPreferences | None:
    """The preferences, or None where the add-on was registered by hand, as in tests."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon is not None else None


def choice(model: str = "fast") -> engine.Choice:
    """`model`, run as the preferences say."""
    preferences = get()
    if preferences is None:
        return engine.Choice(model)
    weights = bpy.path.abspath(preferences.weights) if preferences.weights else ""
    return engine.Choice(model, preferences.device or "auto", preferences.threads, weights)


def cache_folder() -> str:
    """The folder of mattes as the user gave it."""
    preferences = get()
    return (preferences.cache if preferences else "") or DEFAULT_CACHE


def register() -> None:
    """Register the preferences."""
    bpy.utils.register_class(FlyawayPreferences)


def unregister() -> None:
    """Unregister the preferences."""
    bpy.utils.unregister_class(FlyawayPreferences)
