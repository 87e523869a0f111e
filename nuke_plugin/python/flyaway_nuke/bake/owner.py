"""Which bake node a bake's Read and Copy belong to, where nodes were copied, pasted or renamed.

A pasted node carries all knobs of its original along, the hidden ones too. So beside each id stands the
full name of the node that it was given to. Of several with one id, the one of that name is the original;
the others take an id of their own when they are first baked, and leave the original's nodes alone.
"""

from __future__ import annotations

import uuid

import nuke

from .knobs import hidden, quietly, value
from .upstream import first_that_counts, upstream

TAG = "flyaway_bake"
# The full name of the node itself, when it was given its tag or its id.
TAGGED_AS = "flyaway_owner"
GIVEN_TO = "bake_owner"
GIZMO = "FlyawayBake"


def is_bake(node: nuke.Node) -> bool:
    """Whether it is a bake node: the gizmo, or the plain group that `build.plain` makes of it."""
    return node.Class() in (GIZMO, "Group") and node.knob("bake_id") is not None


def bake_nodes() -> list[nuke.Node]:
    """Every bake node of the script, in groups too."""
    found = [*nuke.allNodes(GIZMO, recurseGroups=True), *nuke.allNodes("Group", recurseGroups=True)]
    return [node for node in found if is_bake(node)]


def bake_id(node: nuke.Node) -> str:
    """The node's own name that survives renaming; a node that was pasted gets one of its own.

    Mattes that were pasted together with it go with it.
    """
    name = str(node["bake_id"].value())
    with quietly():
        if not name or not owns(node):
            fresh = uuid.uuid4().hex[:12]
            if name:
                for each in _pasted_with(node, name):
                    mark(each, fresh)
                # What its original has baked is not what it shows.
                node["folder_baked"].setValue("")
            name = fresh
            node["bake_id"].setValue(name)
        given = hidden(node, GIVEN_TO)
        if given.value() != node.fullName():
            given.setValue(node.fullName())
    return name


def owns(node: nuke.Node) -> bool:
    """Whether the bake of this id is the node's own, and not that of a node it is a copy of."""
    name = str(node["bake_id"].value())
    if not name:
        return True
    if owner_of(name) != node:
        return False
    given = str(value(node, GIVEN_TO, ""))
    copies = tagged("Copy", name)
    # Under another name it was renamed, or its original is gone. Then its bake hangs on another plate.
    return given in ("", node.fullName()) or not copies or any(_feeds(node, copy) for copy in copies)


def owner_of(name: str) -> nuke.Node | None:
    """The bake node that the id was given to; None where there is none any more."""
    sharing = [node for node in bake_nodes() if node["bake_id"].value() == name]
    copies = tagged("Copy", name) if len(sharing) > 1 else []

    def rank(node: nuke.Node) -> tuple[bool, bool, int, str]:
        full = node.fullName()
        # Renamed, it no longer has the name; then the one whose plate is below the Copy. A paste has the
        # longer name, or the higher number.
        fed = any(_feeds(node, copy) for copy in copies)
        return value(node, GIVEN_TO, "") != full, not fed, len(full), full

    return min(sharing, key=rank, default=None)


def mark(node: nuke.Node, name: str) -> None:
    """Say on a Read or a Copy which bake it belongs to."""
    node[TAG].setValue(name)
    hidden(node, TAGGED_AS).setValue(node.fullName())


def all_tagged(node_class: str) -> list[nuke.Node]:
    """Every Read, or Copy, of any bake."""
    return [node for node in nuke.allNodes(node_class, recurseGroups=True) if node.knob(TAG) is not None]


def tagged(node_class: str, name: str) -> list[nuke.Node]:
    """Those of one bake, the one that was built for it first and pasted ones after it."""
    found = [node for node in all_tagged(node_class) if node[TAG].value() == name]
    return sorted(found, key=_is_pasted)


def own_pair(node: nuke.Node, name: str) -> tuple[nuke.Node | None, nuke.Node | None]:
    """The Read and the Copy that a bake node's own bake is shown by, where they were made already."""
    reads, copies = tagged("Read", name), tagged("Copy", name)
    copy = next((each for each in copies if _feeds(node, each)), copies[0] if copies else None)
    above = list(upstream([copy.input(1)])) if copy is not None and len(reads) > 1 else []
    read = next((each for each in reads if each in above), reads[0] if reads else None)
    return read, copy


def _is_pasted(node: nuke.Node) -> bool:
    return value(node, TAGGED_AS, "") not in ("", node.fullName())


def _feeds(node: nuke.Node, copy: nuke.Node) -> bool:
    """Whether what a bake node is given lies above a Copy's picture."""
    source = first_that_counts(node)
    return source is not None and source in upstream([copy.input(0)])


def _pasted_with(node: nuke.Node, name: str) -> list[nuke.Node]:
    """The Copy of this id that was pasted along with a node, and the Read that feeds it."""
    owner = owner_of(name)
    kept = [each for each in own_pair(owner, name) if each is not None] if owner is not None else []
    copies = [each for each in tagged("Copy", name) if each not in kept and _feeds(node, each)]
    if not copies:
        return []
    above = list(upstream([copies[0].input(1)]))
    return [copies[0], *(each for each in tagged("Read", name) if each in above and each not in kept)]
