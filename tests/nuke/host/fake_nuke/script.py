"""Scripts into nodes of the fake and back; gizmos from the plug-in path."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from . import nk

# addUserKnob's numbers → knob classes.
USER_KNOBS = {
    1: "String_Knob",
    2: "File_Knob",
    3: "Int_Knob",
    4: "Enumeration_Knob",
    6: "Boolean_Knob",
    7: "Double_Knob",
    12: "XY_Knob",
    19: "Color_Knob",
    20: "Tab_Knob",
    22: "PyScript_Knob",
    26: "Text_Knob",
    41: "Link_Knob",
    68: "Pulldown_Knob",
}


_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]\d+)?")


def load_nodes(state: Any, text: str, group: Any) -> list[Any]:
    """Every node of a script, made in `group` and connected; no onCreate."""
    return _make(state, nk.parse(text).nodes, group)


def load_gizmo(state: Any, node_class: str) -> Any:
    """A gizmo from the plug-in path; the error that Nuke gives where there is none."""
    for folder in state.paths:
        path = Path(folder) / f"{node_class}.gizmo"
        if path.is_file():
            break
    else:
        raise RuntimeError(f"{node_class}: Unknown command")
    (described,) = nk.parse(path.read_text(encoding="utf-8")).nodes
    if described.type != "Gizmo":
        raise RuntimeError(f"{path} holds a {described.type}, not a Gizmo")
    node = state.nuke.Gizmo()
    node._setup(node_class, sum(inner.type == "Input" for inner in described.nodes), {})
    node._file = path.as_posix()
    _make(state, described.nodes, node)
    _fill(state, node, described)
    return node


def copy_to_group(state: Any, gizmo: Any) -> Any:
    """What `Gizmo.makeGroup` makes."""
    from .graph import new_node

    (described,) = nk.parse(Path(gizmo._file).read_text(encoding="utf-8")).nodes
    group = new_node(state, "Group")
    _make(state, described.nodes, group)
    _fill(state, group, described)
    for name, knob in gizmo._knobs.items():
        if name not in ("name", "selected", "xpos", "ypos") and knob.Class() != "Link_Knob":
            group._knobs[name]._value = knob._value
    return group


def _make(state: Any, described: list[nk.Node], group: Any) -> list[Any]:
    from .graph import new_node

    made: dict[int, Any] = {}
    for item in described:
        with group:
            node = made[id(item)] = new_node(state, item.type)
        if "name" in item.knobs:
            node.setName(item.knobs["name"])
        if item.type == "Group":
            _make(state, item.nodes, node)
        _fill(state, node, item)
        for i, source in enumerate(item.inputs):
            if source is not None and not node.setInput(i, made[id(source)]):
                raise RuntimeError(f"{item.name} has no input {i}")
    return list(made.values())


def _fill(state: Any, node: Any, item: nk.Node) -> None:
    for user in item.user_knobs:
        node.addKnob(_user_knob(state, node, user))
    for name, value in item.knobs.items():
        if name not in ("name", "inputs"):
            _set(node, name, value)


def _user_knob(state: Any, node: Any, user: nk.UserKnob) -> Any:
    if user.type not in USER_KNOBS:
        raise RuntimeError(f"addUserKnob {user.type} {user.name}: the fake does not know this type")
    make = getattr(state.nuke, USER_KNOBS[user.type])
    label = user.option("l") if user.option("l") is not None else user.name
    if user.type == 4:
        knob = make(user.name, label, nk.split_list(user.option("M") or ""))
    else:
        knob = make(user.name, label)
    if user.type == 41:
        knob.setLink(user.option("T") or "")
        knob._node = node
        knob.getLinkedKnob()  # NameError where the target is not there
    elif user.type in (22, 26):
        knob._value = user.option("T") or ""
    knob._tooltip = user.option("t") or ""
    knob._described = user.text
    knob._visible = "+INVISIBLE" not in user.flags
    return knob


def _set(node: Any, name: str, value: str) -> None:
    knob = node[name]
    numbers = value.strip("{}").split()
    if isinstance(knob._value, tuple) and all(_NUMBER.fullmatch(one) for one in numbers):
        for index, number in enumerate(numbers):
            knob.setValue(float(number), index)
    elif value.startswith("{"):  # an expression or a curve
        knob._expression = value
    elif knob.Class() == "Link_Knob":
        knob.setValue(value)
    else:
        knob.fromScript(value)


def apply_knobs(node: Any, text: str) -> None:
    """`name value` pairs, as createNode's second argument takes them."""
    words = nk.split_list(text)
    for name, value in zip(words[::2], words[1::2]):
        node[name].fromScript(value) if name != "name" else node.setName(value)


def knobs_text(node: Any) -> str:
    """What was set, a line a knob."""
    return "\n".join(f" {name} {_quoted(value)}" for name, value in _written(node))


def _written(node: Any) -> list[tuple[str, Any]]:
    from .catalogue import CLASSES, COMMON

    defaults = {**COMMON, **CLASSES.get(node.Class(), (0, {}))[1]}
    silent = ("Tab_Knob", "Text_Knob", "PyScript_Knob", "Link_Knob")
    return [
        (name, knob._value)
        for name, knob in node._knobs.items()
        if knob.Class() not in silent and name != "selected" and knob._value != defaults.get(name, "")
    ]


def write_nodes(group: Any, prefix: str = "N", only: list[Any] | None = None) -> str:
    """A script. Every node is pushed by name where it is used, which Nuke reads as well as its own order."""
    lines: list[str] = []
    ordered: list[Any] = []

    def sources(node: Any) -> list[Any]:
        """Of nodes that are copied, a source that is not is left out."""
        return [None if only is not None and source not in only else source for source in node._inputs]

    def visit(node: Any) -> None:
        if node not in ordered:
            for source in sources(node):
                if source is not None:
                    visit(source)
            ordered.append(node)

    for node in group._children if only is None else only:
        visit(node)
    for number, node in enumerate(ordered):
        lines += [
            "push 0" if source is None else f"push ${prefix}{ordered.index(source)}"
            for source in reversed(sources(node))
        ]
        lines.append(f"{node.Class()} {{")
        lines.append(f" inputs {len(node._inputs)}")
        names = {name for name, _ in _written(node)}
        numbers = {kind: code for code, kind in USER_KNOBS.items()}
        from .catalogue import CLASSES, COMMON

        known = {**COMMON, **CLASSES.get(node.Class(), (0, {}))[1]}
        for name, knob in node._knobs.items() if node.Class() in CLASSES else ():
            if name in known:
                continue
            if hasattr(knob, "_described"):
                lines.append(f" addUserKnob {{{knob._described}}}")
            elif name in names or knob.Class() == "Tab_Knob":
                lines.append(f" addUserKnob {{{numbers[knob.Class()]} {name} l {_quoted(knob.label())}}}")
        lines.append(knobs_text(node))
        lines.append("}")
        if node.Class() == "Group":
            lines.append(write_nodes(node, f"{prefix}{number}_"))
            lines.append("end_group")
        lines.append(f"set {prefix}{number} [stack 0]")
    return "\n".join(lines) + "\n"


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):  # as Nuke writes the numbers of one knob
        return "{" + " ".join(f"{number:g}" for number in value) + "}"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("[", "\\[").replace("]", "\\]")
    return f'"{text}"'
