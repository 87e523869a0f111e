"""A Portrait Matte's settings, kept on its group tree, where they survive Blender without this add-on."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from . import engine, prefs

STILLS = "Forget the frames before: each is matted as a still, also by a model that has a memory"

# Blender needs the strings of a dynamic enumeration to stay alive.
_items: list[tuple[str, str, str]] = []


def _model_items(_self: object, _context: object) -> list[tuple[str, str, str]]:
    try:
        names = engine.model_names(prefs.choice().weights)
    except Exception:
        names = ["fast"]
    if [item[0] for item in _items] != names:
        _items[:] = [(name, name, f"The model {name!r}") for name in names]
    return _items


def _get_model(self: FlyawayMatteSettings) -> int:
    names = [item[0] for item in _model_items(self, None)]
    return names.index(self.model) if self.model in names else 0


def _set_model(self: FlyawayMatteSettings, index: int) -> None:
    self.model = _model_items(self, None)[index][0]


def _retouched(self: FlyawayMatteSettings, _context: object) -> None:
    """A control that the core works was changed: levels are its business now, or the nodes' again."""
    from . import retouch

    retouch.changed(self.id_data)


class FlyawayMatteSettings(bpy.types.PropertyGroup):
    """What a Portrait Matte does. Levels are sockets of the group, so that they work without the add-on."""

    is_matte: BoolProperty(options={"HIDDEN"})
    uid: StringProperty(options={"HIDDEN"}, description="Tells this node's cache from others")
    model: StringProperty(default="fast", description="The model's name")
    model_choice: EnumProperty(
        name="Model", items=_model_items, get=_get_model, set=_set_model, description="Which trained network"
    )
    refine: BoolProperty(
        name="Refine", default=True, description="Settle hair and edges at the plate's full resolution"
    )
    stills: BoolProperty(
        name="Each Frame by Itself",
        default=False,
        description=STILLS,
    )
    steadiness: FloatProperty(
        name="Steadiness",
        default=1.0,
        min=0.0,
        max=1.0,
        precision=2,
        subtype="FACTOR",
        description="How far hair is held from frame to frame of a shot where the plate shows no change. 0:"
        " as the network has it",
    )
    grow: FloatProperty(
        name="Grow",
        default=0.0,
        min=-100.0,
        max=100.0,
        soft_min=-10.0,
        soft_max=10.0,
        step=10,
        precision=2,
        description="Pixels by which edges move outwards; negative chokes them. Fractions count",
        update=_retouched,
    )
    soften: FloatProperty(
        name="Soften",
        default=0.0,
        min=0.0,
        max=32.0,
        soft_max=10.0,
        step=10,
        precision=2,
        description="Blurs edges, and only them: a Gaussian's standard deviation in pixels",
        update=_retouched,
    )
    fill_holes: FloatProperty(
        name="Fill Holes",
        default=0.0,
        min=0.0,
        max=256.0,
        step=100,
        precision=0,
        description="Fills holes narrower than this many pixels. What is open to the outside is no hole",
        update=_retouched,
    )
    subject: StringProperty(
        name="Person",
        default="all",
        description="all, largest, centre, or X,Y@FRAME in pixels from the upper left corner. Analyse the"
        " range to have somebody followed; else every frame chooses by itself",
        update=_retouched,
    )
    first: IntProperty(default=0, options={"HIDDEN"}, description="First frame analysed")
    last: IntProperty(default=-1, options={"HIDDEN"}, description="Last frame analysed")
    canvas_x: IntProperty(options={"HIDDEN"})
    canvas_y: IntProperty(options={"HIDDEN"})


def register() -> None:
    """Put the settings on every compositing tree."""
    bpy.utils.register_class(FlyawayMatteSettings)
    bpy.types.CompositorNodeTree.flyaway = bpy.props.PointerProperty(type=FlyawayMatteSettings)


def unregister() -> None:
    """Take them off again; what files hold of them stays in the files."""
    del bpy.types.CompositorNodeTree.flyaway
    bpy.utils.unregister_class(FlyawayMatteSettings)
