"""Menus, progress and undo of the fake."""

from __future__ import annotations

from typing import Any


class MenuItem:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._name = str(args[0]) if args else ""
        self._script, self._icon, self._shortcut, self._enabled = "", "", "", True

    def name(self) -> str:
        return self._name

    def icon(self) -> str:
        return self._icon

    def script(self) -> Any:
        return self._script

    def shortcut(self) -> str:
        return self._shortcut

    def invoke(self) -> None:
        self._state.run_script(self._script)

    def setEnabled(self, enabled, recursive=True) -> None:
        self._enabled = enabled


class Menu:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._name = str(args[0]) if args else ""
        self._script, self._icon, self._shortcut, self._enabled = "", "", "", True
        self._items: dict[str, Any] = {}

    def addMenu(self, name, icon="", tooltip="", index=-1):
        menu = self._items.get(name)
        if menu is None:
            menu = self._items[name] = self._state.nuke.Menu()
            menu._name = name
        menu._icon = icon or menu._icon
        return menu

    def addCommand(
        self, name, command="", shortcut="", icon="", tooltip="", index=-1, readonly=False, shortcutContext=0
    ):
        head, _, rest = name.partition("/")
        if rest:
            return self.addMenu(head).addCommand(rest, command, shortcut, icon, tooltip, index)
        item = self._items[name] = self._state.nuke.MenuItem()
        item._name, item._script, item._icon, item._shortcut = name, command, icon, shortcut
        return item

    def addSeparator(self, **kwargs):
        self._items[f"-{len(self._items)}"] = self._state.nuke.MenuItem()

    def findItem(self, name):
        head, _, rest = name.partition("/")
        item = self._items.get(head)
        return item.findItem(rest) if rest and item is not None else item

    menu = findItem

    def items(self):
        return list(self._items.values())

    def removeItem(self, name) -> None:
        self._items.pop(name, None)

    def clearMenu(self):
        self._items.clear()


class ToolBar(Menu):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._name = str(args[0]) if args else ""
        self._items = {}

    addMenu, addCommand, addSeparator = Menu.addMenu, Menu.addCommand, Menu.addSeparator
    findItem = menu = Menu.findItem
    items, removeItem, clearMenu = Menu.items, Menu.removeItem, Menu.clearMenu

    def name(self) -> str:
        return self._name


class ProgressTask:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._title, self._cancelled = str(args[0]) if args else "", False

    def isCancelled(self) -> bool:
        return self._cancelled

    def setProgress(self, percent) -> None:
        if not isinstance(percent, int) or not 0 <= percent <= 100:
            raise TypeError(f"progress is a whole number 0..100, not {percent!r}")
        self._progress = percent

    def setMessage(self, text) -> None:
        self._message = text


class Undo:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._open = 0

    def begin(self, *name) -> None:
        self._open += 1

    def end(self) -> None:
        if not self._open:
            raise RuntimeError("Undo.end without begin")
        self._open -= 1

    def name(self, *text) -> None:
        pass

    def cancel(self) -> None:
        self.end()

    def disable(self) -> None:
        self._state.undo_off += 1

    def enable(self) -> None:
        if not self._state.undo_off:
            raise RuntimeError("Undo.enable without disable")
        self._state.undo_off -= 1

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, type, value, traceback) -> None:
        self.end()


class CancelledError(Exception):
    pass


class PythonPanel:
    def __init__(self, title="", id="", scrollable=True) -> None:
        self._title, self._knobs = title, {}

    def addKnob(self, knob):
        self._knobs[knob.name()] = knob
        return knob

    def knobs(self):
        return self._knobs

    def showModalDialog(self, defaultKnobText="") -> bool:
        return bool(self._state.answer("showModalDialog"))
