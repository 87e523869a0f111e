"""Takes docs/blender/window.png: the node, its panel and what comes of it, in a real window of Blender.

    xvfb-run -s "-screen 0 1600x900x24" blender --factory-startup --window-geometry 0 0 1600 900 \
        --python docs/blender/make_screenshot.py -- SITE_PACKAGES

Needs xdotool. SITE_PACKAGES holds onnxruntime for Blender's own Python. Debian's Blender 3.4 has no
extensions, so the add-on is registered from the source tree.
"""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
PLATE = ROOT / "examples" / "astronaut.png"
TARGET = ROOT / "docs" / "blender" / "window.png"


def build() -> None:
    """The graph of the first-matte page."""
    import flyaway_blender

    flyaway_blender.register()
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 512
    scene.view_settings.view_transform = "Standard"
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    image, output = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeComposite")
    image.image = bpy.data.images.load(str(PLATE))
    bpy.ops.flyaway.add_node()
    matte = tree.nodes.active
    tree.links.new(image.outputs["Image"], matte.inputs["Image"])
    tree.links.new(matte.outputs["Image"], output.inputs["Image"])
    image.location, matte.location, output.location = (-260, 120), (20, 120), (280, 120)
    image.select = output.select = False
    tree.nodes.active = matte


def arrange() -> None:
    """The workspace for it, before anything is rendered."""
    bpy.context.window.workspace = bpy.data.workspaces["Compositing"]


def with_area(area: bpy.types.Area, operator: Callable[..., object], **arguments: object) -> None:
    """Call an operator as if the mouse were over an area."""
    window = bpy.context.window_manager.windows[0]
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        operator(**arguments)


def areas(kind: str) -> list[bpy.types.Area]:
    """The areas of that kind, from left to right."""
    found = [area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == kind]
    return sorted(found, key=lambda area: area.x)


def render() -> None:
    """F12."""
    bpy.ops.render.render()


def maximise() -> None:
    """The compositor fills the window."""
    with_area(areas("NODE_EDITOR")[0], bpy.ops.screen.screen_full_area)


def split() -> None:
    """Room for the picture beside it."""
    with_area(areas("NODE_EDITOR")[0], bpy.ops.screen.area_split, direction="VERTICAL", factor=0.42)


def show() -> None:
    """The render to the left, the compositor with its sidebar to the right."""
    picture, nodes = areas("NODE_EDITOR")
    picture.type = "IMAGE_EDITOR"
    picture.spaces.active.image = bpy.data.images["Render Result"]
    picture.spaces.active.show_region_ui = False
    nodes.spaces.active.show_region_ui = True
    nodes.spaces.active.show_backdrop = False


def fit() -> None:
    """Everything in view."""
    with_area(areas("NODE_EDITOR")[0], bpy.ops.node.view_all)
    with_area(areas("IMAGE_EDITOR")[0], bpy.ops.image.view_all, fit_view=True)


def point_at_tab() -> None:
    """Our tab of the sidebar: Blender 3.4 lets no script choose one, so the mouse does."""
    area = areas("NODE_EDITOR")[0]
    sidebar = next(region for region in area.regions if region.type == "UI")
    top = bpy.context.window_manager.windows[0].height - (sidebar.y + sidebar.height)
    mouse("mousemove", str(sidebar.x + sidebar.width - 10), str(top + 354))


def mouse(*arguments: str) -> None:
    """What a hand does."""
    subprocess.run(["xdotool", *arguments], check=True)  # noqa: S603, S607


def click() -> None:
    """Choose the tab."""
    mouse("click", "1")


def leave() -> None:
    """Off the sidebar, which would be shown highlighted."""
    mouse("mousemove", "900", "480")


def shoot() -> None:
    """Write the picture and leave."""
    bpy.ops.screen.screenshot(filepath=str(TARGET))
    bpy.ops.wm.quit_blender()


# One a second: Blender draws in between, and an area is there only after it was drawn.
STEPS = [arrange, render, split, show, fit, fit, point_at_tab, point_at_tab, click, leave, leave, shoot]


def step() -> float | None:
    """Do the next step."""
    try:
        print(STEPS[0].__name__, flush=True)
        STEPS.pop(0)()
    except Exception:
        traceback.print_exc()
        STEPS.clear()
        bpy.ops.wm.quit_blender()
    return 1.0 if STEPS else None


sys.path[:0] = [str(ROOT / "blender_addon"), str(ROOT / "core"), *sys.argv[sys.argv.index("--") + 1 :]]
build()
bpy.app.timers.register(step, first_interval=1.0)
