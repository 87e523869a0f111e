"""What Blender calls: before each frame, around renders, around files."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from . import engine, group, pipeline, report, tap, uses

_rendering = False  # a tap is a render too: its own calls are not ours


@persistent
def on_render_init(scene: bpy.types.Scene, *_: object) -> None:
    """A render begins."""
    if _rendering or tap.is_tap(scene):
        return
    report.begin()
    pipeline.drop_taps()
    separate_copies()


@persistent
def on_render_pre(scene: bpy.types.Scene, *_: object) -> None:
    """A frame is about to be rendered: have its mattes ready."""
    global _rendering
    if _rendering or tap.is_tap(scene) or not scene.render.use_compositing:
        return
    _rendering = True
    try:
        for use in uses.used(scene):
            pipeline.matte_now(scene, use, scene.frame_current)
    finally:
        _rendering = False


@persistent
def on_render_end(scene: bpy.types.Scene, *_: object) -> None:
    """A render is over. Scenes must not be removed while Blender still winds up."""
    if _rendering or tap.is_tap(scene):
        return
    if not bpy.app.background:
        bpy.app.timers.register(_wind_up, first_interval=0.1)


def _wind_up() -> None:
    if bpy.app.is_job_running("RENDER"):
        bpy.app.timers.register(_wind_up, first_interval=0.5)
        return
    pipeline.drop_taps()
    if report.failures():
        bpy.ops.flyaway.show_failures("INVOKE_DEFAULT")


@persistent
def on_save_pre(*_: object) -> None:
    """Nothing of ours that is only for this session goes into a file."""
    pipeline.drop_taps()


@persistent
def on_load_post(*_: object) -> None:
    """Another file was opened."""
    report.forget()
    pipeline.forget_taps()
    separate_copies()


def separate_copies() -> None:
    """A node that was duplicated, pasted or appended shares its tree with another: give it one of its own."""
    seen: set[str] = set()
    for node in list(uses.matte_nodes()):
        if node.id_data.library is not None or node.id_data.get(tap.MARK):
            continue
        if node.node_tree.flyaway.uid in seen and node.node_tree.library is None:
            group.make_single(node)
        seen.add(node.node_tree.flyaway.uid)


HANDLERS = {
    "render_init": on_render_init,
    "render_pre": on_render_pre,
    "render_complete": on_render_end,
    "render_cancel": on_render_end,
    "save_pre": on_save_pre,
    "load_post": on_load_post,
}


def register() -> None:
    """Have Blender call us."""
    for name, handler in HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    """Leave nothing behind: handlers that outlive the interpreter's end crash 4.2 and hang 4.5."""
    for name, handler in HANDLERS.items():
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
    engine.close()
