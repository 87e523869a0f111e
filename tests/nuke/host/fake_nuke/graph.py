"""Nodes, knobs and menus of the fake. Public methods must be declared by the stubs; `build` sees to it."""

from __future__ import annotations

from typing import Any

from .catalogue import CLASSES, COMMON
from .frame_ranges import *
from .knobs import *
from .knobs import make_knob, named_in
from .menus import *


class Nodes:
    """`nuke.nodes.Blur(size=3)`: no callbacks, no selection, no connection."""

    def __init__(self, state: Any):
        self._state = state

    def __getattr__(self, node_class: str) -> Any:
        if node_class.startswith("_"):
            raise AttributeError(node_class)

        def make(**knobs: Any) -> Any:
            inputs = knobs.pop("inputs", [])
            node = new_node(self._state, node_class)
            for name, value in knobs.items():
                node[name].setValue(value)
            for i, other in enumerate(inputs):
                node.setInput(i, other)
            return node

        return make


def new_node(state: Any, node_class: str) -> Any:
    """A node of a class in the catalogue, or of a gizmo on the plug-in path."""
    special = {"Group": "Group", "BackdropNode": "BackdropNode", "Viewer": "Viewer"}
    if node_class in CLASSES:
        node = getattr(state.nuke, special.get(node_class, "Node"))()
        node._setup(node_class, CLASSES[node_class][0], CLASSES[node_class][1])
    else:
        from .script import load_gizmo

        node = load_gizmo(state, node_class)
    state.group._add(node)
    state.record(f"made {node.fullName()}")
    return node


class Node:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._setup("NoOp", 1, {})

    def _setup(self, node_class: str, most: int, knobs: dict) -> None:
        self._class, self._most, self._inputs = node_class, most, []
        self._parent = None
        self._error = False
        self._bbox_of = None
        self._knobs = {}
        for name, value in {**COMMON, **knobs}.items():
            self._knobs[name] = make_knob(self._state, name, value, self)

    def Class(self) -> str:
        return self._class

    def name(self) -> str:
        return self._knobs["name"]._value or self._class

    def fullName(self) -> str:
        up = self._parent
        above = "" if up is None or up is self._state.root else f"{up.fullName()}."
        return above + self.name()

    def setName(self, name, uncollide=True, updateExpressions=False) -> None:
        taken = {n.name() for n in self._parent._children if n is not self} if self._parent else set()
        wanted, number = name, 1
        while wanted in taken:
            if not uncollide:
                raise ValueError(f"there is a node called {name}")
            wanted = f"{name}{number}"
            number += 1
        self._knobs["name"]._value = wanted

    def __getitem__(self, name):
        knob = self._knobs.get(name)
        if knob is None:
            raise NameError(f"knob {name} does not exist")
        return knob

    def knob(self, p, follow_link=True):
        return list(self._knobs.values())[p] if isinstance(p, int) else self._knobs.get(p)

    def __len__(self) -> int:
        return len(self._knobs)

    def __bool__(self) -> bool:
        return True

    def knobs(self):
        return dict(self._knobs)

    def allKnobs(self):
        return list(self._knobs.values())

    def numKnobs(self):
        return len(self._knobs)

    def addKnob(self, knob) -> None:
        if knob.name() in self._knobs and not isinstance(knob, self._state.nuke.Tab_Knob):
            raise ValueError(f"knob {knob.name()} already exists")
        knob._node = self
        self._knobs[knob.name()] = knob

    def removeKnob(self, knob) -> None:
        del self._knobs[knob.name()]

    def inputs(self) -> int:
        return len(self._inputs)

    def maxInputs(self) -> int:
        return self._most

    def input(self, index):
        return self._inputs[index] if 0 <= index < len(self._inputs) else None

    def setInput(self, i, node) -> bool:
        if i >= self._most:
            return False
        self._inputs += [None] * (i + 1 - len(self._inputs))
        self._inputs[i] = node
        while self._inputs and self._inputs[-1] is None:
            self._inputs.pop()
        return True

    def connectInput(self, i, node) -> bool:
        free = next((k for k in range(i, self._most) if self.input(k) is None), None)
        return free is not None and self.setInput(free, node)

    def dependencies(self, mask=1):
        """Those of the inputs, and those that a knob's expression names."""
        found = [node for node in self._inputs if node is not None] if mask & 1 else []
        for knob in self._knobs.values() if mask & 4 else ():
            found += [node for node in named_in(knob) if node not in found]
        return found

    def dependent(self, mask=1, forceEvaluate=True):
        family = self._parent._children if self._parent is not None else []
        return [node for node in family if self in node._inputs]

    def parent(self):
        return self._parent

    def error(self) -> bool:
        return self._error

    hasError = error

    def treeHasError(self) -> bool:
        return self._error or any(node is not None and node.treeHasError() for node in self._inputs)

    def forceValidate(self) -> None:
        pass

    def isSelected(self) -> bool:
        return bool(self._knobs["selected"]._value)

    def setSelected(self, selected) -> None:
        self._knobs["selected"]._value = bool(selected)

    def selectOnly(self) -> None:
        for node in self._parent._children:
            node.setSelected(node is self)

    def xpos(self) -> int:
        return int(self._knobs["xpos"]._value)

    def ypos(self) -> int:
        return int(self._knobs["ypos"]._value)

    def setXpos(self, x) -> None:
        self._knobs["xpos"]._value = x

    def setYpos(self, y) -> None:
        self._knobs["ypos"]._value = y

    def setXYpos(self, x, y) -> None:
        self.setXpos(x)
        self.setYpos(y)

    def screenWidth(self) -> int:
        return 80

    def screenHeight(self) -> int:
        return 18

    def firstFrame(self) -> int:
        return self._range()[0]

    def lastFrame(self) -> int:
        return self._range()[1]

    def frameRange(self):
        return self._state.nuke.FrameRange(*self._range(), 1)

    def _range(self):
        if self._class == "Read":
            return int(self["first"].value()), int(self["last"].value())
        above = self.input(0)
        if self._class == "Input" and self._parent is not None:  # what the group around is given
            above = self._parent.input(int(self["number"].value()))
        if above is not None:
            return above._range()
        root = self._state.root
        return int(root["first_frame"].value()), int(root["last_frame"].value())

    def width(self) -> int:
        return 1920 // self._reduced()

    def height(self) -> int:
        return 1080 // self._reduced()

    def _reduced(self) -> int:
        """In proxy mode a node says its size as it is then; half, as a new script has it."""
        return 2 if self._state.root["proxy"].value() else 1

    def format(self):
        """Of the plate itself, whatever is shown."""
        return self._state.nuke.Format(1920, 1080)

    def pixelAspect(self) -> float:
        return 1.0

    def channels(self):
        return ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"]

    def metadata(self, key=None, time=0.0, view=""):
        return {} if key is None else None

    def redraw(self) -> None:
        pass

    def autoplace(self) -> None:
        pass

    def showControlPanel(self, forceFloat=False) -> None:
        pass

    def hideControlPanel(self) -> None:
        pass

    def lock(self) -> None:
        pass

    def unlock(self) -> None:
        pass

    def readKnobs(self, s) -> None:
        from .script import apply_knobs

        apply_knobs(self, s)

    def writeKnobs(self, flags=0) -> str:
        from .script import knobs_text

        return knobs_text(self)


class Format:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._width, self._height = args[:2]

    def width(self) -> int:
        return self._width

    def height(self) -> int:
        return self._height


class Group:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._children = []
        self._setup("Group", 100, {})

    def _add(self, node) -> None:
        node._parent = self
        self._children.append(node)
        number = 1
        taken = {n.name() for n in self._children if n is not node}
        while f"{node._class}{number}" in taken:
            number += 1
        node._knobs["name"]._value = f"{node._class}{number}"

    def begin(self):
        self._state.groups.append(self)
        return self

    def end(self) -> None:
        if not self._state.groups or self._state.groups[-1] is not self:
            raise RuntimeError(f"{self.name()} was not begun")
        self._state.groups.pop()

    def __enter__(self):
        return self.begin()

    def __exit__(self, type, value, traceback):
        self.end()

    def node(self, s):
        head, _, rest = s.partition(".")
        for node in self._children:
            if node.name() == head:
                if not rest:
                    return node
                return node.node(rest) if hasattr(node, "_children") else None
        return None

    def nodes(self):
        return list(self._children)

    def numNodes(self) -> int:
        return len(self._children)

    def selectedNodes(self):
        return [node for node in reversed(self._children) if node.isSelected()]

    def _walk(self):
        for node in self._children:
            yield node
            if hasattr(node, "_children"):
                yield from node._walk()


class Gizmo:
    def filename(self) -> str:
        return self._file

    def command(self) -> str:
        return self._class

    def makeGroup(self):
        """A Group with the same inside, knobs and values, in the current group, connected to nothing."""
        from .script import copy_to_group

        return copy_to_group(self._state, self)


class Root:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._children = []
        self._modified = False
        self._setup("Root", 0, CLASSES["Root"][1])
        self._knobs["name"]._value = ""

    def _range(self):
        return int(self["first_frame"].value()), int(self["last_frame"].value())

    def firstFrame(self) -> int:
        return self._range()[0]

    def lastFrame(self) -> int:
        return self._range()[1]

    def modified(self) -> bool:
        return self._modified

    def setModified(self, modified) -> None:
        self._modified = modified

    def fps(self) -> int:
        return int(self["fps"].value())
