"""Buttons and progress on the nodes themselves, along their upper edge.

A plain group draws nothing of its own (docs/decisions/0005), so these are gizmos of the node editor: they
follow the nodes, scale with them, and no file knows of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.props import StringProperty

from . import report, uses

NODES = 24  # so many nodes of one editor have buttons at once
LEAST_WIDTH = 70  # px; on smaller nodes they could not be hit
LEAST_UNIT = 0.85
RADIUS = 9  # of a button, in the editor's own unit
TRACK, BAR = (0.1, 0.1, 0.1, 0.8), (0.25, 0.55, 0.95, 1.0)


@dataclass(frozen=True)
class Spot:
    """Where a node's upper edge lies, in px of its region; `unit` is the editor's unit there."""

    left: float
    right: float
    top: float
    unit: float


# The buttons, by what they call in `bpy.ops.flyaway`.
ICONS = {
    "analyse_frame": "RENDER_STILL",
    "analyse_range": "RENDER_ANIMATION",
    "stop_analysis": "CANCEL",
    "clear_cache": "TRASH",
}
TIPS = {
    "analyse_frame": "Matte the current frame and keep the matte on disk",
    "analyse_range": "Matte all frames of the scene and keep the mattes on disk",
    "stop_analysis": "End the analysis; what is done is kept. ESC does the same",
    "clear_cache": "Remove this node's mattes from disk",
}


def buttons(tree: bpy.types.NodeTree) -> list[str]:
    """What can be done with a Portrait Matte as it is now, from left to right."""
    if report.state(tree.flyaway.uid).kind == "analysing":
        return ["stop_analysis"]
    analysed = tree.flyaway.last >= tree.flyaway.first
    return ["analyse_frame", "analyse_range", *(["clear_cache"] if analysed else [])]


def place(node: bpy.types.Node) -> tuple[float, float]:
    """A node's upper left corner in its tree, frames around it counted in."""
    x, y = node.location
    parent = node.parent
    while parent is not None:
        x, y, parent = x + parent.location[0], y + parent.location[1], parent.parent
    return x, y


def spots(context: bpy.types.Context) -> Iterator[tuple[bpy.types.Node, Spot]]:
    """The Portrait Mattes that an editor shows large enough, and where."""
    view, scale = context.region.view2d, context.preferences.system.ui_scale
    for node in context.space_data.edit_tree.nodes:
        if not uses.is_matte(node) or node.hide:
            continue
        x, y = place(node)
        left, top = view.view_to_region(x * scale, y * scale, clip=False)
        right, _ = view.view_to_region((x + node.width) * scale, y * scale, clip=False)
        if right - left >= LEAST_WIDTH * scale and right > 0 and left < context.region.width:
            # Icons stay as large as they are: buttons shrink with the view no further than they do.
            yield node, Spot(left, right, top, max(LEAST_UNIT, (right - left) / (node.width * scale)))


def centre(spot: Spot, number: int, scale: float) -> tuple[float, float]:
    """Where the button stands that is `number` from the right, in px of the region."""
    step = 2.3 * RADIUS * spot.unit * scale
    return spot.right - step * (number + 0.5), spot.top + step * 0.6


class FLYAWAY_OT_press(bpy.types.Operator):
    """What a button on a node does"""

    # One step between: an operator that a gizmo starts and that goes on would hold all gizmos until its end.
    bl_idname = "flyaway.press"
    bl_label = "Portrait Matte"
    bl_options = {"INTERNAL"}

    operator: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    uid: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        """The button's tip."""
        return TIPS[properties.operator]

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Start it."""
        try:
            getattr(bpy.ops.flyaway, self.operator)("INVOKE_DEFAULT", uid=self.uid)
        except RuntimeError as error:  # what the operator reported, or that it cannot run now
            self.report({"ERROR"}, str(error).strip())
            return {"CANCELLED"}
        return {"FINISHED"}


class FLYAWAY_GGT_on_node(bpy.types.GizmoGroup):
    """Analyse, stop and clear on each Portrait Matte"""

    bl_label = "Portrait Matte Buttons"
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "WINDOW"
    bl_options = {"PERSISTENT", "SCALE"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where there is a Portrait Matte to see."""
        space = context.space_data
        if space is None or space.tree_type != "CompositorNodeTree" or space.edit_tree is None:
            return False
        return any(uses.is_matte(node) for node in space.edit_tree.nodes)

    def setup(self, _context: bpy.types.Context) -> None:
        """As many as are ever shown: making one while drawing is not allowed, and an icon is for good."""
        self.sets = [{icon: self._new(icon) for icon in ICONS.values()} for _ in range(NODES)]
        self.bound = [""] * NODES

    def _new(self, icon: str) -> bpy.types.Gizmo:
        gizmo = self.gizmos.new("GIZMO_GT_button_2d")
        gizmo.icon, gizmo.draw_options = icon, {"BACKDROP", "OUTLINE"}
        gizmo.color, gizmo.alpha = (0.16, 0.16, 0.16), 0.9
        gizmo.color_highlight, gizmo.alpha_highlight = (0.3, 0.45, 0.7), 1.0
        gizmo.hide = True
        return gizmo

    def draw_prepare(self, context: bpy.types.Context) -> None:
        """Put them where the nodes are now."""
        for gizmo in self.gizmos:
            gizmo.hide = True
        for slot, (node, spot) in enumerate(itertools.islice(spots(context), NODES)):
            self._bind(slot, node.node_tree.flyaway.uid)
            for number, operator in enumerate(reversed(buttons(node.node_tree))):
                gizmo = self.sets[slot][ICONS[operator]]
                x, y = centre(spot, number, context.preferences.system.ui_scale)
                gizmo.matrix_basis[0][3], gizmo.matrix_basis[1][3] = x, y
                gizmo.scale_basis = RADIUS * spot.unit
                gizmo.hide = False

    def _bind(self, slot: int, uid: str) -> None:
        """Have a set of buttons work on this node."""
        if self.bound[slot] == uid:
            return
        for operator, icon in ICONS.items():
            press = self.sets[slot][icon].target_set_operator(FLYAWAY_OT_press.bl_idname)
            press.operator, press.uid = operator, uid
        self.bound[slot] = uid


def draw_progress() -> None:
    """A bar along the upper edge of each node that is being analysed."""
    context = bpy.context
    if not FLYAWAY_GGT_on_node.poll(context):
        return
    for node, spot in spots(context):
        state = report.state(node.node_tree.flyaway.uid)
        if state.kind == "analysing":
            end = spot.left + (spot.right - spot.left) * state.progress
            high = 4 * spot.unit * context.preferences.system.ui_scale
            _rectangle(spot.left, spot.right, spot.top, high, TRACK)
            _rectangle(spot.left, end, spot.top, high, BAR)


def _rectangle(left: float, right: float, bottom: float, high: float, color: tuple[float, ...]) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    corners = [(left, bottom), (right, bottom), (left, bottom + high), (right, bottom + high)]
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", color)
    gpu.state.blend_set("ALPHA")
    batch_for_shader(shader, "TRI_STRIP", {"pos": corners}).draw(shader)
    gpu.state.blend_set("NONE")


_drawing: list[Any] = []


def register() -> None:
    """Show them."""
    bpy.utils.register_class(FLYAWAY_OT_press)
    bpy.utils.register_class(FLYAWAY_GGT_on_node)
    _drawing.append(bpy.types.SpaceNodeEditor.draw_handler_add(draw_progress, (), "WINDOW", "POST_PIXEL"))


def unregister() -> None:
    """Take them away."""
    while _drawing:
        bpy.types.SpaceNodeEditor.draw_handler_remove(_drawing.pop(), "WINDOW")
    bpy.utils.unregister_class(FLYAWAY_GGT_on_node)
    bpy.utils.unregister_class(FLYAWAY_OT_press)
