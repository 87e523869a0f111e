"""What a fake Nuke remembers, and what a test may look at or set up beforehand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

# What Nuke lets other threads do.
THREAD_SAFE = ("executeInMainThread", "executeInMainThreadWithResult", "ProgressTask", "tprint")


class State:
    """One session of the fake."""

    def __init__(self) -> None:
        self.nuke: Any = None
        self.root: Any = None
        self.groups: list[Any] = []  # begun with Group.begin(); the last is the current one
        self.messages: list[tuple[str, str]] = []  # (function, text): message, alert, warning, tprint…
        self.answers: dict[str, list[Any]] = {}  # function → answers to come: ask, getFilename, choice…
        self.paths: list[str] = []  # plug-in path, first wins
        self.menus: dict[str, Any] = {}
        self.toolbars: dict[str, Any] = {}
        self.callbacks: list[tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any], str]] = []
        self.defaults: dict[str, str] = {}
        self.this: list[tuple[Any, Any]] = []  # (node, knob) of running callbacks
        self.waiting: list[Callable[[], Any]] = []  # of executeInMainThread
        self.renders: list[tuple[str, int, int, int]] = []
        # Called by nuke.execute with (node, frame): a test writes the file that Nuke would have rendered.
        self.on_render: Callable[[Any, int], None] | None = None
        # What nuke.sample answers, by (node, channel, x, y).
        self.on_sample: Callable[[Any, str, int, int], float] | None = None
        self.tcl_answers: dict[str, str] = {}
        self.panels: dict[str, Any] = {}
        self.clipboard = ""
        # What Undo would take back: "made Blur1", "deleted Blur1", "set Blur1.size"; nothing while it is off.
        self.undo_log: list[str] = []
        self.undo_off = 0
        self.main = threading.get_ident()

    @property
    def group(self) -> Any:
        """Where new nodes go."""
        return self.groups[-1] if self.groups else self.root

    def answer(self, function: str) -> Any:
        """What the person answers; a question that no test expected is an error."""
        if not self.answers.get(function):
            raise AssertionError(f"nuke.{function} was asked, and the test has no answer for it")
        return self.answers[function].pop(0)

    def record(self, what: str) -> None:
        """Something that Undo would take back."""
        if not self.undo_off:
            self.undo_log.append(what)

    def check_thread(self, name: str) -> None:
        """Nuke's API belongs to the main thread."""
        if threading.get_ident() != self.main and not any(safe in name for safe in THREAD_SAFE):
            raise RuntimeError(f"{name} was called outside the main thread: use nuke.executeInMainThread")

    def pump(self) -> None:
        """The main thread's idle moment: what other threads asked it to do."""
        while self.waiting:
            self.waiting.pop(0)()

    @contextmanager
    def within(self, node: Any, knob: Any = None) -> Iterator[None]:
        """`nuke.thisNode()` and `thisKnob()` inside a callback."""
        self.this.append((node, knob))
        try:
            yield
        finally:
            self.this.pop()

    def run_script(self, script: Any, node: Any = None, knob: Any = None) -> None:
        """A knob's or a menu's command: Python text, or a callable."""
        if not script:
            return
        with self.within(node, knob):
            if callable(script):
                script()
            else:
                exec(compile(str(script), "<knob>", "exec"), {"nuke": self.nuke})
