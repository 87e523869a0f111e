"""Which Portrait Mattes a scene's compositor uses, wherever they are, those needed first coming first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bpy

from . import compat

SINKS = (compat.COMPOSITE, "NodeGroupOutput", "CompositorNodeOutputFile", "CompositorNodeViewer")


@dataclass(frozen=True)
class Use:
    """A matte node, and the groups one has to enter to get to it."""

    node: bpy.types.Node
    groups: tuple[bpy.types.Node, ...] = ()

    @property
    def tree(self) -> bpy.types.NodeTree:
        """The group tree of the matte: its identity and settings."""
        return self.node.node_tree

    @property
    def uid(self) -> str:
        """What its cache and state go by."""
        return self.tree.flyaway.uid

    @property
    def title(self) -> str:
        """How people know it."""
        return " > ".join([*(group.name for group in self.groups), self.node.name])


def is_matte(node: bpy.types.Node | None) -> bool:
    """Whether a node is a Portrait Matte."""
    tree = getattr(node, "node_tree", None)
    return isinstance(tree, bpy.types.CompositorNodeTree) and tree.flyaway.is_matte


def is_group(node: bpy.types.Node) -> bool:
    """Whether a node is a group that is not ours."""
    return getattr(node, "node_tree", None) is not None and not is_matte(node)


def used(scene: bpy.types.Scene) -> list[Use]:
    """The mattes that reach an output of the scene's compositor unmuted; those that others wait for first."""
    tree = compat.compositor_tree(scene)
    return [] if tree is None else list(_Walk().tree(tree))


def in_strips(scene: bpy.types.Scene) -> Iterator[tuple[str, Use]]:
    """Mattes in the Compositor modifiers (5.0 and later) of the sequencer's strips, and the strips' names."""
    editor = scene.sequence_editor
    if editor is None or not scene.render.use_sequencer:
        return
    for strip in getattr(editor, "strips_all", ()):
        for modifier in getattr(strip, "modifiers", ()):
            tree = getattr(modifier, "node_group", None)
            if tree is not None and not strip.mute and not modifier.mute:
                for use in _Walk().tree(tree):
                    yield strip.name, use


def is_strip(scene: bpy.types.Scene) -> bool:
    """Whether a scene is a strip in the sequencer of some scene."""
    editors = [other.sequence_editor for other in bpy.data.scenes if other.sequence_editor is not None]
    strips = [strip for editor in editors for strip in getattr(editor, compat.ALL_STRIPS)]
    return any(getattr(strip, "scene", None) == scene for strip in strips)


def everywhere() -> Iterator[bpy.types.NodeTree]:
    """All trees of Portrait Mattes in this file."""
    for tree in bpy.data.node_groups:
        if isinstance(tree, bpy.types.CompositorNodeTree) and tree.flyaway.is_matte:
            yield tree


def matte_nodes() -> Iterator[bpy.types.Node]:
    """All Portrait Matte nodes in this file, used or not."""
    trees = [tree for tree in bpy.data.node_groups if isinstance(tree, bpy.types.CompositorNodeTree)]
    if compat.TREE_ON_SCENE:
        trees += [scene.node_tree for scene in bpy.data.scenes if scene.node_tree is not None]
    for tree in trees:
        yield from (node for node in tree.nodes if is_matte(node))


def active(context: bpy.types.Context) -> bpy.types.Node | None:
    """The Portrait Matte that is active in the tree being edited, or in the scene's."""
    space = context.space_data
    editing = space.edit_tree if space is not None and space.type == "NODE_EDITOR" else None
    tree = editing or compat.compositor_tree(context.scene)
    node = tree.nodes.active if tree is not None else None
    return node if is_matte(node) else None


class _Walk:
    """A way from a compositor's outputs upstream, which comes to each matte once.

    Attributes
    ----------
    visited : where it has been: the names of the groups it went through, the node's, and (where only some
        inputs lie behind an output) that output's identifier.
    """

    def __init__(self) -> None:
        self.visited: set[tuple[str, ...]] = set()

    def tree(
        self, tree: bpy.types.NodeTree, groups: tuple[bpy.types.Node, ...] = (), wanted: str | None = None
    ) -> Iterator[Use]:
        """The mattes that reach a tree's outputs; of a group's only the output `wanted`."""
        for start in tree.nodes:
            if start.bl_idname in SINKS and not start.mute:
                ends = start.bl_idname == "NodeGroupOutput" and wanted is not None
                sockets = [one for one in start.inputs if not ends or one.identifier == wanted]
                yield from self.upstream(sockets, groups)

    def upstream(
        self, sockets: Iterable[bpy.types.NodeSocket], groups: tuple[bpy.types.Node, ...]
    ) -> Iterator[Use]:
        """The mattes that reach these inputs."""
        for socket in sockets:
            for link in socket.links:
                if not link.is_muted:
                    yield from self.node(link.from_node, link.from_socket, groups)

    def node(
        self, node: bpy.types.Node, output: bpy.types.NodeSocket, groups: tuple[bpy.types.Node, ...]
    ) -> Iterator[Use]:
        """The mattes that reach an output of a node, and the node itself if it is one."""
        # A muted node passes one input on, a group those behind one output: it may be come to by others, too.
        path = tuple(group.name for group in groups)
        key = (*path, node.name, output.identifier if is_group(node) or node.mute else "")
        if key in self.visited:
            return
        self.visited.add(key)
        if node.mute:
            passed = [link.from_socket for link in node.internal_links if link.to_socket == output]
            yield from self.upstream(passed, groups)
            return
        yield from self.upstream(node.inputs, groups)
        if is_matte(node):
            yield Use(node, groups)
        elif is_group(node):
            yield from self.tree(node.node_tree, (*groups, node), output.identifier)
