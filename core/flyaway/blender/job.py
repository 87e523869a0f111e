"""Runs inside Blender (`blender -b FILE --python job.py -- TASK`), with nothing but its own Python.

Renders ranges of frames as animations, so that everything that hangs on them (File Output nodes, movies,
overwrite settings) is as in Blender, and prints one marked JSON line a frame. See run.py, which reads them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

MARK = "@flyaway "
OLDEST = (4, 2, 0)


class RefusedError(Exception):
    """Nothing can be rendered; the message says what to do."""


class RenderRun:
    """One run: which frames Blender has begun, what the add-on says went wrong, and what is on disk."""

    def __init__(self, bpy: Any, scene: Any, report: Any, frames: list[int]) -> None:
        self.bpy, self.scene, self.report, self.frames = bpy, scene, report, frames
        self.told: set[int] = set()
        self.known = 0
        self.began = time.perf_counter()

    def run(self) -> None:
        """Render all frames, and tell of each."""
        handlers = self.bpy.app.handlers
        handlers.render_pre.insert(0, self._begin)
        handlers.render_write.append(self._wrote)
        ranges = list(even_ranges(self.frames))
        if len(ranges) > 1 and self.scene.render.is_movie_format:
            raise RefusedError(
                "the scene writes a movie: ask for one unbroken range, or let it write pictures."
            )
        for first, last, step in ranges:
            self.scene.frame_start, self.scene.frame_end, self.scene.frame_step = first, last, step
            error = ""
            try:
                self.bpy.ops.render.render(animation=True, scene=self.scene.name)
            except RuntimeError as problem:  # what Blender reports as an error: no camera, a full disk, …
                error = " ".join(str(problem).split())
            for frame in range(first, last + 1, step):
                if frame not in self.told:
                    self._tell_missing(frame, error)

    def _begin(self, scene: Any, *_: Any) -> None:
        # The add-on renders helper scenes of its own; they are none of our frames.
        if scene.name == self.scene.name:
            self.began = time.perf_counter()
            self.known = len(self.report.records)

    def _wrote(self, scene: Any, *_: Any) -> None:
        if scene.name == self.scene.name:
            # All since the frame began: a scene that is a strip of the sequencer counts its own frames.
            failures = [entry for entry in self.report.records[self.known :] if entry.status == "failed"]
            message = "; ".join(f"{self._of(failure)}: {failure.message}" for failure in failures)
            self._tell(scene.frame_current, "failed" if failures else "rendered", message)

    def _of(self, failure: Any) -> str:
        if failure.scene == self.scene.name:
            return str(failure.node)
        return f"{failure.scene}, frame {failure.frame}, {failure.node}"

    def _tell_missing(self, frame: int, error: str) -> None:
        path = self.scene.render.frame_path(frame=frame)
        if not error and not self.scene.render.use_overwrite and os.path.isfile(path):  # noqa: PTH113
            self._tell(frame, "skipped", "")
        else:
            self._tell(frame, "failed", error or "Blender did not render it, and did not say why.")

    def _tell(self, frame: int, status: str, message: str) -> None:
        self.told.add(frame)
        path = self.scene.render.frame_path(frame=frame)
        if status == "rendered" and not os.path.isfile(path):  # noqa: PTH113
            status, message = "failed", f"{path} is not on disk."
        seconds = round(time.perf_counter() - self.began, 3)
        say(
            "frame",
            frame={"frame": frame, "status": status, "path": path, "message": message, "seconds": seconds},
        )


def even_ranges(frames: list[int]) -> Any:
    """Split frames into (first, last, step), each as long as its steps are even, in the order given."""
    start = 0
    while start < len(frames):
        end = start + 1
        step = frames[end] - frames[start] if end < len(frames) else 1
        if step > 0:
            while end + 1 < len(frames) and frames[end + 1] - frames[end] == step:
                end += 1
        if step <= 0 or end >= len(frames):
            end, step = start, 1
        yield frames[start], frames[end], step
        start = end + 1


def open_scene(bpy: Any, task: dict[str, Any]) -> Any:
    """The scene to render, in the file that is to be open."""
    if os.path.realpath(bpy.data.filepath) != os.path.realpath(task["blend"]):
        enable_addon()
        try:
            bpy.ops.wm.open_mainfile(filepath=task["blend"], load_ui=False)
        except RuntimeError as problem:
            raise RefusedError(f"{task['blend']}: {' '.join(str(problem).split())}") from problem
    if task["scene"] is None:
        scene = bpy.context.scene
    elif task["scene"] in bpy.data.scenes:
        scene = bpy.data.scenes[task["scene"]]
    else:
        names = ", ".join(scene.name for scene in bpy.data.scenes)
        raise RefusedError(f"no scene {task['scene']} in {task['blend']}; it has: {names}.")
    if task["output"] is not None:
        scene.render.filepath = task["output"]
    return scene


def enable_addon() -> None:
    """Python's own bpy starts without the user's add-ons, and 4.2 crashes when told to read preferences."""
    import addon_utils

    for module in addon_utils.modules():
        if module.__name__.rpartition(".")[2] == "flyaway":
            addon_utils.enable(module.__name__, default_set=True)


def find_report(bpy: Any) -> Any:
    """The add-on's own account of what failed."""
    if bpy.app.version < OLDEST:
        raise RefusedError(f"Blender {bpy.app.version_string} is too old: the add-on needs 4.2 or later.")
    for name in bpy.context.preferences.addons.keys():  # noqa: SIM118 (not a dict)
        if name.rpartition(".")[2] == "flyaway" and name in sys.modules:
            return sys.modules[f"{name}.report"]
    raise RefusedError(
        "the Flyaway add-on is not enabled in this Blender, so a failed matte would go unnoticed: "
        "install the extension for this user, and enable it in the preferences."
    )


def say(event: str, **fields: Any) -> None:
    """One line for run.py, on a line of its own."""
    sys.stdout.write(f"\n{MARK}{json.dumps({'event': event, **fields})}\n")
    sys.stdout.flush()


def main() -> int:
    """Do the task and return the process's exit code."""
    try:
        import bpy
    except ImportError:
        say(
            "refused",
            message=f"{sys.executable} has no bpy: name Blender's executable, or a Python that has it.",
        )
        return 1
    task = json.loads(sys.argv[sys.argv.index("--") + 1])
    try:
        scene = open_scene(bpy, task)
        RenderRun(bpy, scene, find_report(bpy), task["frames"]).run()
    except RefusedError as refusal:
        say("refused", message=str(refusal))
        return 1
    finally:
        # Handlers that are left when the interpreter ends crash Blender 4.2 and hang 4.5.
        for name in dir(bpy.app.handlers):
            listeners = getattr(bpy.app.handlers, name)
            if isinstance(listeners, list):
                listeners.clear()
    say("ended")
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # everything is on disk; Blender's own way out is where it crashes
