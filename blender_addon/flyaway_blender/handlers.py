"""What Blender calls: before each frame, around renders, around files.

In a window Blender renders in a thread of its own. There frames may be matted, but scenes must not be
removed; that is left to a timer, which runs in the main thread.
"""

from __future__ import annotations

import contextlib

import bpy
from bpy.app.handlers import persistent

from . import cache, engine, group, origins, pipeline, pixels, report, tap, uses

_inside = False  # a tap is a render too: its own calls are not ours
_outermost = ""  # the scene whose render is under way; the sequencer renders others inside it, frame by frame


@persistent
def on_render_init(scene: bpy.types.Scene, *_: object) -> None:
    """A render begins, or one inside it: that of a scene that is a strip of the sequencer."""
    global _outermost
    if _inside or tap.is_tap(scene):
        return
    nested = _outermost not in ("", scene.name) and uses.is_strip(scene)
    if not nested:
        _outermost = scene.name
        report.begin()
        pipeline.retire_taps()
    # Now, because by render_pre Blender has taken its copy of the nodes; only the images it shares with us.
    for use in uses.used(scene):
        with contextlib.suppress(RuntimeError):  # that frame's own attempt fails too, and says so
            group.use_live(use.tree)
    if bpy.app.background and not nested:
        pipeline.remove_taps()
        separate_copies()


@persistent
def on_render_pre(scene: bpy.types.Scene, *_: object) -> None:
    """A frame is about to be rendered: have its mattes ready."""
    global _inside
    if _inside or tap.is_tap(scene):
        return
    _refuse_strips(scene)
    if not scene.render.use_compositing:
        return
    _inside = True
    try:
        prepared: set[str] = set()
        for use in uses.used(scene):
            if use.uid in prepared:
                error = RuntimeError(
                    "it is in a group that is used more than once: make that group a single user, so that"
                    " each has a matte of its own"
                )
                pipeline.fail(scene, use, scene.frame_current, error)
                continue
            prepared.add(use.uid)
            pipeline.have_ready(scene, use, scene.frame_current)
    finally:
        _inside = False


def _refuse_strips(scene: bpy.types.Scene) -> None:
    """A matte in a strip's modifier sees nothing of the strip: have that seen."""
    for strip, use in uses.in_strips(scene):
        if not cache.playing(use.tree):
            error = RuntimeError(
                f"in the modifier of strip {strip} it cannot be matted: take it out, and use Strip > Portrait"
                " Matte"
            )
            pipeline.fail(scene, use, scene.frame_current, error)


@persistent
def on_render_end(scene: bpy.types.Scene, *_: object) -> None:
    """A render is over."""
    global _outermost
    if _inside or tap.is_tap(scene) or scene.name != _outermost:
        return
    _outermost = ""
    if bpy.app.background:
        return
    if not bpy.app.timers.is_registered(_wind_up):
        bpy.app.timers.register(_wind_up, first_interval=0.1)


def _wind_up() -> float | None:
    if bpy.app.is_job_running("RENDER"):
        return 0.5
    pipeline.remove_taps()
    for image in group.live_images():
        pixels.mark_saved(image)
    play_cached()
    if report.failures():
        bpy.ops.flyaway.show_failures("INVOKE_DEFAULT")
    return None


@persistent
def on_save_pre(*_: object) -> None:
    """What is only for this session does not go into a file."""
    if not bpy.app.is_job_running("RENDER"):
        pipeline.remove_taps()
    play_cached()


@persistent
def on_load_post(*_: object) -> None:
    """Another file was opened."""
    global _outermost
    _outermost = ""
    report.forget()
    pipeline.forget_taps()
    for tree in list(uses.everywhere()):
        with contextlib.suppress(RuntimeError):  # changed by hand: its renders say so
            if group.bring_up_to_date(tree) and origins.load(cache.folder(tree)).frames:
                cache.play(tree)
    separate_copies()


@persistent
def on_depsgraph_update(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Something was edited: perhaps a node was duplicated, pasted or appended."""
    if _inside or tap.is_tap(scene) or not depsgraph.id_type_updated("NODETREE"):
        return
    if not bpy.app.is_job_running("RENDER"):
        separate_copies()


def play_cached() -> None:
    """Have analysed mattes played from disk, as Blender without us would: renders take them from memory."""
    for tree in uses.everywhere():
        if tree.library is None and not cache.playing(tree) and origins.load(cache.folder(tree)).frames:
            cache.play(tree)


def separate_copies() -> None:
    """A node that was duplicated, pasted or appended shares its tree with another: give it one of its own."""
    owners: dict[str, bpy.types.NodeTree] = {}
    for node in list(uses.matte_nodes()):
        tree = node.node_tree
        if node.id_data.library is not None or tree.library is not None or node.id_data.get(tap.MARK):
            continue
        if tree.flyaway.uid in owners:
            group.make_single(node)
        owners[node.node_tree.flyaway.uid] = node.node_tree


HANDLERS = {
    "render_init": on_render_init,
    "render_pre": on_render_pre,
    "render_complete": on_render_end,
    "render_cancel": on_render_end,
    "save_pre": on_save_pre,
    "load_post": on_load_post,
    "depsgraph_update_post": on_depsgraph_update,
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
    if bpy.app.timers.is_registered(_wind_up):
        bpy.app.timers.unregister(_wind_up)
    engine.close()
