"""Takes docs/blender/window.png: the node, its panel and what comes of it, in a real window of Blender.

    xvfb-run -s "-screen 0 1600x900x24" BLENDER --factory-startup --window-geometry 0 0 1600 900 \
        --python docs/blender/make_screenshot.py -- ZIP TARGET

Needs ImageMagick, which takes the picture: Blender's own operator sees black without a graphics card. Set
BLENDER_USER_RESOURCES to an empty folder. Blender 4.2 to 4.5.
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
ZIP, TARGET = sys.argv[sys.argv.index("--") + 1 :]


def build() -> None:
    """The graph of the first-matte page."""
    bpy.ops.extensions.package_install_files(repo="user_default", filepath=ZIP, enable_on_install=True)
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
    image.location, matte.location, output.location = (-190, 120), (20, 120), (240, 120)
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


def analyse() -> None:
    """The frame goes to disk, and the node says so."""
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(bpy.app.tempdir) / "first.blend"))
    bpy.ops.flyaway.analyse_frame()


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


def choose_tab() -> None:
    """Our tab of the sidebar."""
    area = areas("NODE_EDITOR")[0]
    next(region for region in area.regions if region.type == "UI").active_panel_category = "Flyaway"


def shoot() -> None:
    """Write the picture and leave."""
    subprocess.run(["import", "-window", "root", TARGET], check=True)  # noqa: S603, S607
    bpy.ops.wm.quit_blender()


# One a second: Blender draws in between, and an area is there only after it was drawn.
STEPS = [arrange, render, split, show, fit, fit, choose_tab, analyse, choose_tab, shoot]


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


build()
bpy.app.timers.register(step, first_interval=1.0)
