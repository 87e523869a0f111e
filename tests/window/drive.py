"""Runs inside a Blender with a window: uses the add-on by mouse and keyboard, and writes down what it saw.

    blender --factory-startup --python tests/window/drive.py -- '{"zip": …, "frames": …, "folder": …}'

The buttons are found where the add-on says it drew them, and pressed by the X server's own mouse (xdotool).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

TASK = json.loads(sys.argv[sys.argv.index("--") + 1])
FOLDER = Path(TASK["folder"])
PATIENCE = 150.0  # s, for any one thing to come about
facts: dict[str, Any] = {}

Steps = Iterator[Callable[[], object] | float]


def add_on(name: str) -> Any:
    """A module of the installed add-on."""
    return sys.modules[f"bl_ext.user_default.flyaway.{name}"]


def window() -> bpy.types.Window:
    """The one there is."""
    return bpy.context.window_manager.windows[0]


def editor() -> bpy.types.Area:
    """The compositor's area."""
    return next(area for area in window().screen.areas if area.type == "NODE_EDITOR")


def over(area: bpy.types.Area) -> Any:
    """A context as if the mouse were over an area."""
    region = next(region for region in area.regions if region.type == "WINDOW")
    return bpy.context.temp_override(window=window(), area=area, region=region)


def matte() -> bpy.types.Node:
    """The node that all this is about."""
    return bpy.context.scene.node_tree.nodes["Portrait Matte"]


def state() -> Any:
    """What it shows."""
    return add_on("report").state(matte().node_tree.flyaway.uid)


def mouse(*arguments: object) -> None:
    """What a hand does."""
    subprocess.run(["xdotool", *map(str, arguments)], check=True)


def on_disk() -> int:
    """Analysed frames beside the file."""
    cache = add_on("cache")
    return len(add_on("origins").load(cache.folder(matte().node_tree)).frames)


def press(operator: str) -> Steps:
    """The mouse goes to a button on the node, rests there, and presses it."""
    on_node = add_on("on_node")
    area = editor()
    with over(area):
        ((_, spot),) = on_node.spots(bpy.context)
        row = on_node.buttons(matte().node_tree)
        number = row.index(operator)
        x, y = on_node.centre(spot, len(row) - 1 - number, bpy.context.preferences.system.ui_scale)
        region = bpy.context.region
    mouse("mousemove", round(region.x + x) - 2, round(window().height - region.y - y))
    yield 0.3
    mouse("mousemove_relative", 2, 0)
    yield 0.5
    mouse("click", 1)
    yield 0.2


def set_up() -> Steps:
    """The extension from its zip; a saved file with footage, node and output."""
    bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=TASK["zip"], enable_on_install=True
    )
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "shot.blend"))
    window().workspace = bpy.data.workspaces["Compositing"]
    yield 1.0
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = TASK["size"]
    scene.frame_start, scene.frame_end = 1, TASK["count"]
    scene.view_settings.view_transform = "Standard"
    scene.use_nodes = True
    nodes, links = scene.node_tree.nodes, scene.node_tree.links
    nodes.clear()
    plate, output = nodes.new("CompositorNodeImage"), nodes.new("CompositorNodeComposite")
    plate.image = bpy.data.images.load(TASK["plate"])
    plate.image.source = "SEQUENCE"
    plate.frame_duration = TASK["count"]
    with over(editor()):
        bpy.ops.flyaway.add_node()
    links.new(plate.outputs["Image"], matte().inputs["Image"])
    links.new(matte().outputs["Image"], output.inputs[0])
    plate.location, matte().location, output.location = (-320, 120), (0, 120), (280, 120)
    editor().spaces.active.show_region_ui = False
    yield 0.5
    with over(editor()):
        bpy.ops.node.view_all()
    yield 1.5
    bpy.ops.wm.save_mainfile()
    facts["before"] = state().kind


def render() -> Steps:
    """F12, as a person presses it: in a thread, with the window alive."""
    bpy.ops.render.render("INVOKE_DEFAULT")
    yield lambda: state().kind != "idle" and not bpy.app.is_job_running("RENDER")
    yield 1.0
    facts["rendered"] = state().kind
    for other in [*bpy.context.window_manager.windows][1:]:  # the render's window, if it is one of its own
        with bpy.context.temp_override(window=other):
            bpy.ops.wm.window_close()
    yield 1.0


def one_frame() -> Steps:
    """The first button: this frame."""
    yield from press("analyse_frame")
    yield lambda: state().kind == "cached"
    facts["frame"] = [state().text, on_disk()]


def escape() -> Steps:
    """The second, and ESC before it is through. The window stays alive meanwhile."""
    yield from press("analyse_range")
    ticks = []
    yield lambda: ticks.append(state().kind) or (state().kind == "analysing" and state().progress > 0.3)
    facts["analysing"], facts["ticks"] = matte().label, ticks.count("analysing")
    mouse("key", "Escape")
    yield lambda: state().kind != "analysing"
    yield 0.5
    facts["escaped"] = [state().kind, on_disk()]


def stop_button() -> Steps:
    """Started anew, and ended by the button that stands there meanwhile."""
    yield from press("analyse_range")
    done = on_disk()
    yield lambda: state().kind == "analysing" and on_disk() > done
    yield from press("stop_analysis")
    yield lambda: state().kind != "analysing"
    yield 0.5
    facts["stopped"] = [state().kind, on_disk()]


def undo_meanwhile() -> Steps:
    """Ctrl-Z while it runs: the analysis ends, and nothing crashes."""
    with over(editor()):
        bpy.ops.ed.undo_push(message="as it was")
        matte().width = 190
        bpy.ops.ed.undo_push(message="wider")
    yield 0.5
    yield from press("analyse_range")
    yield lambda: state().kind == "analysing"
    with over(editor()):
        bpy.ops.ed.undo()
    yield lambda: state().kind != "analysing"
    yield 0.5
    facts["undone"] = [state().kind, matte().node_tree.flyaway.is_matte]


def all_frames() -> Steps:
    """To the end, then the bin."""
    yield from press("analyse_range")
    yield lambda: state().kind == "cached" and on_disk() == TASK["count"]
    yield 0.5
    facts["all"] = [state().text, matte().label]
    yield from press("clear_cache")
    yield lambda: state().kind == "idle"
    yield 0.5
    facts["cleared"] = on_disk()


def failing() -> Steps:
    """A failure reddens the node."""
    matte().node_tree.flyaway.model = "none such"
    yield from press("analyse_frame")
    yield lambda: state().kind == "failed"
    yield 0.5
    facts["failed"] = [state().text, matte().label, matte().use_custom_color]


def retimed() -> Steps:
    """A strip whose frames do not run as they were shot is refused, and nothing comes of it."""
    area = editor()
    area.ui_type = "SEQUENCE_EDITOR"
    yield 0.5
    sequence = bpy.context.scene.sequence_editor_create()
    laid = getattr(sequence, "strips", None) or sequence.sequences  # strips from 4.4 on
    strip = laid.new_image("retimed", TASK["plate"], 1, 1)
    for number in range(2, TASK["count"] + 1):
        strip.elements.append(f"plate.{number:04d}.png")
    strip.frame_final_duration, strip.select = TASK["count"], True
    sequence.active_strip = strip
    yield 0.5
    with over(area):
        bpy.ops.sequencer.retiming_segment_speed_set(speed=50.0)
        before = len(laid)
        try:
            bpy.ops.flyaway.matte_strip()
            refusal = "nothing"
        except RuntimeError as error:
            refusal = str(error)
    facts["retimed"] = [strip.frame_final_duration, refusal, len(laid) - before]
    area.ui_type = "CompositorNodeTree"
    yield 0.5


def many() -> Steps:
    """Small nodes, nodes in frames, nodes beyond those that get buttons: drawing goes on."""
    tree = bpy.context.scene.node_tree
    frame = tree.nodes.new("NodeFrame")
    for number in range(30):
        bpy.ops.flyaway.add_node()
        tree.nodes.active.location = (number % 6 * 260, -360 * (number // 6) - 300)
        tree.nodes.active.parent = frame if number % 2 else None
    with over(editor()):
        bpy.ops.node.view_all()
    yield 1.5
    with over(editor()):
        facts["many"] = len(list(add_on("on_node").spots(bpy.context)))
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.flyaway")
    yield 0.5
    bpy.ops.preferences.addon_enable(module="bl_ext.user_default.flyaway")
    yield 0.5
    facts["again"] = bpy.types.GizmoGroup.bl_rna_get_subclass_py("FLYAWAY_GGT_on_node") is not None


def everything() -> Steps:
    """What a person does, one after another."""
    for part in (
        set_up,
        render,
        one_frame,
        escape,
        stop_button,
        undo_meanwhile,
        all_frames,
        failing,
        retimed,
        many,
    ):
        facts["last"] = part.__name__
        print(part.__name__, flush=True)
        yield from part()
    facts["last"] = "done"


def tick() -> float | None:
    """Go on where the last step waits no more."""
    global waiting, since
    try:
        if callable(waiting) and not waiting():
            if time.monotonic() - since > PATIENCE:
                raise TimeoutError(f"{facts['last']} waits in vain; {state()}, {on_disk()} on disk")
            return 0.05
        waiting, since = next(steps), time.monotonic()
        return waiting if isinstance(waiting, float) else 0.05
    except StopIteration:
        pass
    except Exception:
        facts["error"] = traceback.format_exc()
    (FOLDER / "facts.json").write_text(json.dumps(facts), "utf-8")
    bpy.ops.wm.quit_blender()
    return None


waiting: Callable[[], object] | float = 0.0
since = time.monotonic()
steps = everything()
bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
