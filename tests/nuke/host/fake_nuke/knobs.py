"""Knobs of the fake."""

from __future__ import annotations

import re
from typing import Any


def make_knob(state: Any, name: str, value: Any, node: Any) -> Any:
    """A knob of a built-in node: its class follows from the default's type."""
    kinds = {bool: "Boolean_Knob", int: "Int_Knob", float: "Double_Knob", str: "String_Knob"}
    kind = "PyScript_Knob" if value is None else kinds[type(value)]
    files = ("file", "proxy", "modelFile", "torchScriptFile", "catFile", "project_directory", "vfield_file")
    if name in files and isinstance(value, str):  # Root's own "proxy" is a switch
        kind = "File_Knob"
    if name.endswith("_color"):
        kind = "ColorChip_Knob"
    knob = getattr(state.nuke, kind)(name)
    knob._node, knob._value = node, "" if value is None else value
    return knob


def named_in(knob: Any) -> list[Any]:
    """The nodes that a knob's expression names: the group around, or others of the same group."""
    node = knob._node
    if node is None or not knob._expression:
        return []
    around = node.parent()
    found = []
    for name, _knob in re.findall(r"([A-Za-z_][\w.]*)\.(\w+)", knob._expression):
        other = around if name == "parent" else around.node(name) if around is not None else None
        if other is not None and other not in found:
            found.append(other)
    return found


class Knob:
    def __init__(self, name: str = "", label: str | None = None, *rest: Any) -> None:
        self._name, self._label = name, name if label is None else label
        self._node, self._tooltip, self._expression = None, "", None
        self._enabled = self._visible = True
        self._flags = 0
        self._start()
        if rest and rest[0] is not None:
            self._value = rest[0]

    def _start(self) -> None:
        self._value = ""

    def _take(self, value: Any) -> Any:
        return value

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def setName(self, name) -> None:
        self._name = name

    def label(self) -> str:
        return self._label

    def setLabel(self, label) -> None:
        self._label = label

    def node(self):
        return self._node

    def fullyQualifiedName(self, channel=-1) -> str:
        return f"{self._node.fullName()}.{self._name}"

    def value(self, index=0):
        return self._value

    def getValue(self, channel=0):
        return self._value

    def setValue(self, val, chan=0, *rest):
        if self._node is not None and self._name == "name":
            self._node.setName(val)
            return True
        taken = self._take(val)
        changed = taken != self._value
        self._value, self._expression = taken, None
        if changed and self._node is not None:
            self._state.record(f"set {self.fullyQualifiedName()}")
            self._changed()
        return changed

    def _changed(self) -> None:
        state, node = self._state, self._node
        node_script = node._knobs.get("knobChanged")
        if node_script is not None and node_script is not self:
            state.run_script(node_script._value, node, self)
        for kind, call, args, kwargs, node_class in list(state.callbacks):
            if kind == "KnobChanged" and node_class in ("*", node.Class()):
                with state.within(node, self):
                    call(*args, **kwargs)

    def fromScript(self, script) -> None:
        self._value = self._take(script)

    def toScript(self, quote=True, context=None) -> str:
        return str(self._value)

    def getValueAt(self, frame, index=0, view=None):
        return self.value(index)

    def setExpression(self, expression, index=-1, view=None) -> bool:
        self._expression = expression
        return True

    def hasExpression(self, index=-1) -> bool:
        return self._expression is not None

    def isAnimated(self, channel=-1) -> bool:
        return False

    def clearAnimated(self, channel=-1) -> bool:
        self._expression = None
        return True

    def enabled(self) -> bool:
        return self._enabled

    def setEnabled(self, enabled) -> None:
        self._enabled = bool(enabled)

    def visible(self) -> bool:
        return self._visible

    def setVisible(self, visible) -> None:
        self._visible = bool(visible)

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip) -> None:
        self._tooltip = tooltip

    def setFlag(self, flag) -> None:
        self._flags |= flag

    def clearFlag(self, flag) -> None:
        self._flags &= ~flag

    def getFlag(self, flag) -> bool:
        return bool(self._flags & flag)


class Array_Knob:
    def _start(self) -> None:
        self._value = 0.0

    def value(self, index=0):
        return self._at(self._state.root._knobs["frame"]._value if self._expression else 0)

    def getValueAt(self, frame, index=0, view=None):
        return self._at(frame)

    def _at(self, frame):
        """A plain link to a knob is followed, and arithmetic with `frame` done; no other expression is."""
        text = self._expression or ""
        link = re.fullmatch(r"([\w.]+)\.(\w+)", text)
        if link:
            nodes = named_in(self)
            return nodes[0][link.group(2)].getValueAt(frame) if nodes else self._value
        if re.fullmatch(r"(frame|[\d.+*/() -])+", text) and "frame" in text:
            return float(eval(text, {"__builtins__": {}}, {"frame": float(frame)}))  # noqa: S307
        return self._value

    def arraySize(self) -> int:
        return len(self._value) if isinstance(self._value, tuple) else 1

    def _take(self, value):
        if isinstance(value, str):
            # Colours are written in hexadecimal.
            return int(value, 16) if value.startswith("0x") else float(value)
        if not isinstance(value, (int, float, bool, tuple, list)):
            raise TypeError(f"{self._name}: {value!r} is no number")
        return value

    def setRange(self, low, high) -> None:
        self._range = (low, high)


class XY_Knob:
    """Two numbers, each set by its own index."""

    def _start(self) -> None:
        self._value = (0.0, 0.0)

    def value(self, index=0):
        return self._value[index]

    def setValue(self, val, chan=0, *rest):
        pair = list(self._value)
        pair[chan] = float(val)
        changed, self._value = tuple(pair) != self._value, tuple(pair)
        if self._node is not None and changed:
            self._changed()
        return True


class Unsigned_Knob:
    def _start(self) -> None:
        self._value = 0

    def _take(self, value):
        return int(value, 0) if isinstance(value, str) else int(value)


class Boolean_Knob:
    def _start(self) -> None:
        self._value = False

    def _take(self, value):
        return value.lower() in ("true", "1") if isinstance(value, str) else bool(value)


class Int_Knob:
    def _start(self) -> None:
        self._value = 0

    def _take(self, value):
        return int(value)


class String_Knob:
    def _start(self) -> None:
        self._value = ""

    def _take(self, value):
        if not isinstance(value, str):
            raise TypeError(f"{self._name} wants a string, not {value!r}")
        return value

    def getText(self, oc=None) -> str:
        return self._value

    def setText(self, val) -> None:
        self.setValue(val)


class EvalString_Knob:
    def evaluate(self, *frame):
        """Frame numbers filled in, and Tcl by what the test answers."""
        at = int(frame[0]) if frame else 1
        text = self._without_tcl()
        text = re.sub(r"%0?(\d*)d", lambda m: str(at).zfill(int(m.group(1) or 0)), text)
        return re.sub(r"#+", lambda m: str(at).zfill(len(m.group())), text) or None

    def _without_tcl(self) -> str:
        text = self._value
        for command, answer in self._state.tcl_answers.items():
            text = text.replace(f"[{command}]", answer)
        if "[" in text:
            raise AssertionError(f"{text}: the test has no answer for its Tcl")
        return text


class File_Knob:
    def value(self, *args):
        return self._value

    def getValue(self, *args):
        return self._value

    def setValue(self, val, *rest):
        self._value = self._take(val)
        self._changed() if self._node is not None else None
        return True

    def getEvaluatedValue(self, *args):
        """Tcl evaluated, and a sequence in its technical notation: `%04d`, no frame filled in."""
        return re.sub(r"#+", lambda m: f"%0{len(m.group())}d", self._without_tcl())

    def fromUserText(self, text) -> None:
        """`plate.####.exr 1-10`: the range goes where Nuke puts it."""
        match = re.match(r"^(.*\S)\s+(-?\d+)-(-?\d+)$", text)
        self._value = match.group(1) if match else text
        if match and self._node is not None and self._node.knob("first") is not None:
            for name, value in (("first", 2), ("last", 3), ("origfirst", 2), ("origlast", 3)):
                self._node[name].setValue(int(match.group(value)))


class Script_Knob:
    def command(self) -> str:
        return self._value

    def setCommand(self, cmd) -> None:
        self._value = cmd

    def setValue(self, cmd) -> None:
        self._value = cmd

    def value(self) -> str:
        return self._value

    def execute(self) -> None:
        node = self._node
        if node is not None and node.Class() == "CatFileCreator" and self._name == "createCatFile":
            if self._state.on_render is None:
                raise AssertionError("createCatFile was pressed: set state.on_render to make the file")
            self._state.on_render(node, 0)
            return
        self._state.run_script(self._value, node, self)


class Enumeration_Knob:
    def __init__(self, name: str = "", label: str | None = None, values: Any = ()) -> None:
        self._name, self._label = name, name if label is None else label
        self._node, self._tooltip, self._expression = None, "", None
        self._enabled = self._visible = True
        self._flags = 0
        self._values = [str(value) for value in values]
        self._value = self._values[0] if self._values else ""

    def _take(self, value):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._values[int(value)]
        if value in self._values:
            return value
        if str(value).isdigit() and int(value) < len(self._values):
            return self._values[int(value)]
        raise ValueError(f"{self._name} has no entry {value!r}: {', '.join(self._values)}")

    def values(self):
        return list(self._values)

    def setValues(self, items) -> None:
        self._values = [str(item) for item in items]
        if self._value not in self._values:
            self._value = self._values[0] if self._values else ""

    def value(self, index=0):
        return self._value

    def getValue(self, channel=0):
        return float(self._values.index(self._value)) if self._values else 0.0

    def numValues(self) -> int:
        return len(self._values)

    def enumName(self, n) -> str:
        return self._values[n]


class Text_Knob:
    def setValue(self, text) -> None:
        self._value = str(text)

    def value(self) -> str:
        return self._value


class Tab_Knob:
    def __init__(self, name: str = "", label: str | None = None, *rest: Any) -> None:
        self._name, self._label = name, name if label is None else label
        self._node, self._value, self._tooltip, self._expression = None, "", "", None
        self._enabled = self._visible = True
        self._flags = 0


class Link_Knob:
    def makeLink(self, s, t) -> None:
        self._target = f"{s}.{t}"

    def setLink(self, s) -> None:
        self._target = s

    def getLink(self) -> str:
        return self._target

    def getLinkedKnob(self):
        node, _, knob = self._target.rpartition(".")
        inside = self._node.node(node) if hasattr(self._node, "_children") else None
        return inside[knob] if inside is not None else self._node[knob]

    def value(self):
        return self.getLinkedKnob().value()

    def setValue(self, *value):
        return self.getLinkedKnob().setValue(*value)
