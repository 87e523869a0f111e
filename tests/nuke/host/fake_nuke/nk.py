"""Nuke's script text (.nk, .gizmo) as a structure: nodes, knobs, user knobs, and who is connected to whom.

A script is Tcl: a command a node, with the knobs as one braced list. Nodes are kept on a stack: a node
takes its `inputs` from it, the top one being input 0, and is pushed itself. This reads the subset that
Nuke writes, and raises `NkError` on everything else, so that a slip in our gizmos is found without Nuke.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

GROUPS = ("Group", "Gizmo", "LiveGroup")
SPACE = " \t\r\n"
# Commands that are no nodes and say nothing about the graph.
IGNORED = ("version", "define_window_layout_xml", "add_layer")
# Options of addUserKnob: label, tool tip, text (or link), menu, range; how many words each takes.
OPTIONS = {"l": 1, "t": 1, "T": 1, "M": 1, "R": 2}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class NkError(ValueError):
    """The text is no script that Nuke would take."""


@dataclass
class UserKnob:
    """One `addUserKnob {type name options…}`; `text` is what stands between the braces."""

    type: int
    name: str
    options: dict[str, list[str]]
    flags: list[str]
    text: str

    def option(self, letter: str) -> str | None:
        """The value of `l`, `t`, `T`, `M`…; None where it is not given."""
        return self.options.get(letter, [None])[0]


@dataclass
class Node:
    """One node; for a group, what is inside."""

    type: str
    knobs: dict[str, str] = field(default_factory=dict)
    user_knobs: list[UserKnob] = field(default_factory=list)
    inputs: list[Node | None] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name, or its class where none is written."""
        return self.knobs.get("name", self.type)

    def node(self, name: str) -> Node:
        """The node inside called `name`."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def walk(self) -> Iterator[Node]:
        """All nodes inside, at any depth."""
        for node in self.nodes:
            yield node
            yield from node.walk()


def parse(text: str) -> Node:
    """A script's nodes, inside a Root of their own; NkError names the line."""
    root = Node("Root")
    groups: list[tuple[Node, list[Node | None]]] = [(root, [])]
    variables: dict[str, Node | None] = {}
    for line, words in _commands(text):
        group, stack = groups[-1]
        command = words[0]
        try:
            if command == "end_group":
                if len(groups) == 1:
                    raise NkError("end_group without a group")
                groups.pop()
            elif command == "set":
                if len(words) != 3 or words[2] != "[stack 0]":
                    raise NkError("only `set NAME [stack 0]` is known")
                variables[words[1]] = stack[-1] if stack else None
            elif command == "push":
                stack.append(_pushed(words[1], variables))
            elif command == "Root":
                root.knobs.update(_body(words[1])[0])
            elif command not in IGNORED:
                _node(command, words, groups, stack, group)
        except NkError as error:
            raise NkError(f"line {line}: {error}") from None
    if len(groups) > 1:
        raise NkError(f"{groups[-1][0].type} is never closed: end_group is missing")
    return root


def _node(
    command: str,
    words: list[str],
    groups: list[tuple[Node, list[Node | None]]],
    stack: list[Node | None],
    group: Node,
) -> None:
    if len(words) != 2 or not (command[0].isalpha() or command[0] == "_"):
        raise NkError(f"{' '.join(words)[:60]!r} is no node")
    knobs, user_knobs = _body(words[1])
    count = _count(knobs.pop("inputs", "1"))
    if command == "Gizmo":
        count = 0
    node = Node(command, knobs, user_knobs)
    if count > len(stack):
        raise NkError(f"{node.name} takes {count} inputs from a stack of {len(stack)}")
    node.inputs = [stack.pop() for _ in range(count)]
    group.nodes.append(node)
    stack.append(node)
    if command in GROUPS:
        groups.append((node, []))


def _pushed(word: str, variables: dict[str, Node | None]) -> Node | None:
    if word == "0":
        return None
    if not word.startswith("$") or word[1:] not in variables:
        raise NkError(f"push of {word!r}, which was never set")
    return variables[word[1:]]


def _count(text: str) -> int:
    """`2`, or `2+1` where the second is the number of mask inputs."""
    try:
        return sum(int(part) for part in text.split("+"))
    except ValueError:
        raise NkError(f"inputs {text!r} is no count") from None


def _body(text: str) -> tuple[dict[str, str], list[UserKnob]]:
    words = split_list(text)
    if len(words) % 2:
        raise NkError(f"knobs and values do not pair up, near {words[-1][:60]!r}")
    knobs: dict[str, str] = {}
    user_knobs = []
    for key, value in zip(words[::2], words[1::2]):
        if key == "addUserKnob":
            user_knobs.append(_user_knob(value))
        elif key in knobs:
            raise NkError(f"{key} is set twice")
        else:
            knobs[key] = value
    return knobs, user_knobs


def _user_knob(text: str) -> UserKnob:
    parts = split_list(text)
    if len(parts) < 2 or not parts[0].isdigit():
        raise NkError(f"addUserKnob {{{text[:60]}}} has no type and name")
    knob = UserKnob(int(parts[0]), parts[1], {}, [], text)
    words = iter(parts[2:])
    for word in words:
        if word.startswith(("+", "-")):
            knob.flags.append(word)
            continue
        if word not in OPTIONS:
            raise NkError(f"addUserKnob {knob.name}: {word!r} is no option")
        knob.options[word] = [value for _, value in zip(range(OPTIONS[word]), words)]
        if len(knob.options[word]) < OPTIONS[word]:
            raise NkError(f"addUserKnob {knob.name}: {word} takes {OPTIONS[word]} words")
        if word == "R":
            try:
                [float(value) for value in knob.options[word]]
            except ValueError:
                raise NkError(f"addUserKnob {knob.name}: R takes two numbers, without braces") from None
    return knob


def _commands(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, words) of each command."""
    i, line = 0, 1
    while i < len(text):
        start = i
        while i < len(text) and (text[i] in SPACE or text[i] == ";"):
            i += 1
        if i < len(text) and text[i] == "#":
            end = text.find("\n", i)
            i = len(text) if end < 0 else end
            line += text.count("\n", start, i)
            continue
        line += text.count("\n", start, i)
        words, begin = [], i
        while i < len(text) and text[i] not in "\n;":
            if text[i] in SPACE:
                i += 1
                continue
            word, i = _word(text, i)
            words.append(word)
        if words:
            yield line, words
        line += text.count("\n", begin, i)


def split_list(text: str) -> list[str]:
    """A Tcl list's elements."""
    words, i = [], 0
    while i < len(text):
        if text[i] in SPACE:
            i += 1
        else:
            word, i = _word(text, i)
            words.append(word)
    return words


def _word(text: str, i: int) -> tuple[str, int]:
    """The word that starts at `i`, without its braces or quotes, and where it ends."""
    if text[i] == "{":
        end = _closing(text, i)
        if end + 1 < len(text) and text[end + 1] not in SPACE + ";":
            raise NkError(f"characters after a closing brace: {text[end : end + 20]!r}")
        return text[i + 1 : end], end + 1
    quoted = text[i] == '"'
    i += quoted
    out: list[str] = []
    depth = 0
    while i < len(text):
        c = text[i]
        if c == "\\" and i + 1 < len(text):
            out.append(ESCAPES.get(text[i + 1], text[i + 1]) if depth == 0 else text[i : i + 2])
            i += 2
            continue
        if depth == 0 and ((quoted and c == '"') or (not quoted and c in SPACE + ";")):
            break
        depth += (c == "[") - (c == "]" and depth > 0)  # a bracket that was escaped may close bare
        out.append(c)
        i += 1
    if depth or (quoted and i >= len(text)):
        raise NkError(f"a quote or bracket is never closed: {''.join(out)[:60]!r}")
    return "".join(out), i + quoted


def _closing(text: str, i: int) -> int:
    """Where the brace that opens at `i` closes."""
    depth = 0
    while i < len(text):
        if text[i] == "\\":
            i += 2
            continue
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return i
        i += 1
    raise NkError("a brace is never closed")
