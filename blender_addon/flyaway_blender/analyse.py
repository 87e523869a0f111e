"""The operators that analyse frames. In a window they go bit by bit, and it stays alive meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from . import cache, engine, handlers, report, uses
from .analysis import Analysis
from .uses import Use

_running: Analysis | None = None


class _AnalyseOperator:
    """What the two operators share. Called from a script they finish before they return."""

    uid: StringProperty(options={"HIDDEN", "SKIP_SAVE"}, description="Which node; the active one if empty")
    everything: BoolProperty(
        name="All nodes", options={"SKIP_SAVE"}, description="All Portrait Mattes of this scene"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not while another analysis or a render runs."""
        if _running is not None:
            cls.poll_message_set("An analysis is running: ESC ends it")
            return False
        return context.scene is not None and not bpy.app.is_job_running("RENDER")

    alone = False  # one frame, and nothing before it is run for it

    def frames(self, scene: bpy.types.Scene) -> Iterable[int]:
        """Which frames."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        """All at once."""
        if not self._begin(context):
            return {"CANCELLED"}
        while _running.step():
            pass
        return self._end()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Bit by bit, as the window's timer ticks."""
        if bpy.app.background:
            return self.execute(context)
        if not self._begin(context):
            return {"CANCELLED"}
        manager, self._analysis = context.window_manager, _running
        self._timer = manager.event_timer_add(0.03, window=context.window)
        manager.progress_begin(0, _running.total)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """A tick of the timer, or ESC."""
        if _running is None or _running is not self._analysis:  # something ended it: see `stop`
            self._clean_up(context)
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            self._clean_up(context)
            self._end()
            self.report({"INFO"}, "Analysis ended early; what is done is kept")
            return {"CANCELLED"}
        if event.type != "TIMER" or bpy.app.is_job_running("RENDER"):  # F12 in between comes first
            return {"PASS_THROUGH"}
        if _running.step():
            context.window_manager.progress_update(_running.done)
            context.workspace.status_text_set(f"Flyaway: {_running.done}/{_running.total}   ESC: stop")
            return {"RUNNING_MODAL"}
        self._clean_up(context)
        return self._end()

    def cancel(self, context: bpy.types.Context) -> None:
        """The window or the file is closed."""
        self._clean_up(context)
        if _running is self._analysis:
            stop()

    def _begin(self, context: bpy.types.Context) -> bool:
        global _running
        handlers.separate_copies()
        try:
            wanted = self._wanted(context)
            frames = self.frames(context.scene)
            _running = Analysis(context.scene, wanted, frames, alone=self.alone)
        except Exception as error:
            self.report({"ERROR"}, str(error))
            return False
        return True

    def _wanted(self, context: bpy.types.Context) -> list[Use]:
        return choose(context, self.uid, self.everything)

    def _end(self) -> set[str]:
        analysis = stop()
        if analysis.failed:
            first = analysis.lost[0]
            self.report(
                {"ERROR"},
                f"{analysis.failed} of {analysis.total} mattes failed; frame {first.frame}: {first.message}",
            )
            return {"CANCELLED"}
        return {"FINISHED"}

    def _clean_up(self, context: bpy.types.Context) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        context.workspace.status_text_set(None)


def choose(context: bpy.types.Context, uid: str = "", everything: bool = False) -> list[Use]:
    """The nodes that an operator is for; LookupError if there is none."""
    there = uses.used(context.scene)
    if everything:
        chosen = there
    else:
        node = None if uid else uses.active(context)
        uid = uid or (node.node_tree.flyaway.uid if node is not None else "")
        chosen = [use for use in there if use.uid == uid]
        if not chosen and not uid and len(there) == 1:
            chosen = there
    if not chosen:
        raise LookupError(
            "No Portrait Matte to analyse: select one that is connected to the output and not muted"
        )
    return chosen


class FLYAWAY_OT_analyse_frame(_AnalyseOperator, bpy.types.Operator):
    """Matte the current frame: it goes on with its shot after the last one that was analysed; else a still"""

    bl_idname = "flyaway.analyse_frame"
    bl_label = "Analyse Frame"
    alone = True

    def frames(self, scene: bpy.types.Scene) -> Iterable[int]:
        """The current one."""
        return [scene.frame_current]


class FLYAWAY_OT_analyse_range(_AnalyseOperator, bpy.types.Operator):
    """Matte all frames of the scene and keep the mattes on disk: any Blender can then render them"""

    bl_idname = "flyaway.analyse_range"
    bl_label = "Analyse Range"

    def frames(self, scene: bpy.types.Scene) -> Iterable[int]:
        """The scene's, or its preview's."""
        if scene.use_preview_range:
            return range(scene.frame_preview_start, scene.frame_preview_end + 1)
        return range(scene.frame_start, scene.frame_end + 1)


class FLYAWAY_OT_stop_analysis(bpy.types.Operator):
    """End the analysis that runs; what is done is kept"""

    bl_idname = "flyaway.stop_analysis"
    bl_label = "Stop Analysis"

    uid: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """While one runs."""
        return _running is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """End it; the operator that runs it notices by itself."""
        stop()
        return {"FINISHED"}


class FLYAWAY_OT_clear_cache(bpy.types.Operator):
    """Remove this node's mattes from disk"""

    bl_idname = "flyaway.clear_cache"
    bl_label = "Clear Cache"

    uid: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    everything: BoolProperty(name="All nodes", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not while an analysis runs."""
        return _running is None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove them."""
        try:
            chosen = choose(context, self.uid, self.everything)
            removed = sum(cache.clear(use.tree) for use in chosen)
        except Exception as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for use in chosen:
            report.set_state(use.uid, "idle")
        self.report({"INFO"}, f"{removed} mattes removed")
        return {"FINISHED"}


CLASSES: tuple[Any, ...] = (
    FLYAWAY_OT_analyse_frame,
    FLYAWAY_OT_analyse_range,
    FLYAWAY_OT_stop_analysis,
    FLYAWAY_OT_clear_cache,
)


def register() -> None:
    """Register the operators."""
    for one in CLASSES:
        bpy.utils.register_class(one)
    for name in REPLACING:
        getattr(bpy.app.handlers, name).append(on_nodes_replaced)


def stop() -> Analysis | None:
    """End what runs, and return it; what is done is kept."""
    global _running
    analysis, _running = _running, None
    if analysis is not None:
        analysis.close()
    return analysis


@bpy.app.handlers.persistent
def on_nodes_replaced(*_: object) -> None:
    """Undo, redo and opening a file put other nodes where an analysis knows its own: it ends before."""
    stop()


REPLACING = ("undo_pre", "redo_pre", "load_pre")


def unregister() -> None:
    """End what runs, and unregister the operators."""
    stop()
    for name in REPLACING:
        handlers_of = getattr(bpy.app.handlers, name)
        if on_nodes_replaced in handlers_of:
            handlers_of.remove(on_nodes_replaced)
    engine.close()
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
