"""The functions of the fake `nuke` and `nukescripts`; each takes the session's state first."""

from __future__ import annotations

import fnmatch
import sys
import threading
from pathlib import Path

from .constants import CONSTANTS
from .graph import new_node
from .script import load_nodes, write_nodes


def createNode(state, node, knobs="", inpanel=True):
    """As from the menu: put in below the selection (what hung there hangs on it), selected, onCreate run."""
    selected = state.group.selectedNodes()
    made = new_node(state, node)
    if selected and made.maxInputs() > 0:
        for other in selected[0].dependent(1):
            for i in range(other.inputs()):
                if other.input(i) is selected[0]:
                    other.setInput(i, made)
        made.setInput(0, selected[0])
    if knobs:
        made.readKnobs(knobs)
    made.selectOnly()
    state.run_script(made["onCreate"].value(), made)
    for kind, call, args, kwargs, node_class in list(state.callbacks):
        if kind in ("OnCreate", "OnUserCreate") and node_class in ("*", made.Class()):
            with state.within(made):
                call(*args, **kwargs)
    return made


def delete(state, n) -> None:
    if n is None:
        return
    for other in n.dependent(1):
        for i in range(other.inputs()):
            if other.input(i) is n:
                other.setInput(i, None)
    n._parent._children.remove(n)
    state.record(f"deleted {n.name()}")


def allNodes(state, *args, **kwargs):
    node_filter = kwargs.pop("filter", None)
    group = kwargs.pop("group", None)
    recurse = kwargs.pop("recurseGroups", False)
    if kwargs:
        raise TypeError(f"allNodes has no {', '.join(kwargs)}")
    for arg in args:
        node_filter, group = (arg, group) if isinstance(arg, str) else (node_filter, arg)
    group = state.group if group is None else group
    nodes = list(group._walk()) if recurse else list(group._children)
    return [node for node in nodes if node_filter in (None, node.Class())]


def toNode(state, s):
    if s in ("root", "Root"):
        return state.root
    return state.group.node(s) or state.root.node(s)


def exists(state, s) -> bool:
    if toNode(state, s) is not None:
        return True
    node, _, knob = s.rpartition(".")
    found = toNode(state, node) if node else None
    return found is not None and found.knob(knob) is not None


def root(state):
    return state.root


def selectedNodes(state, filter=None):
    return [node for node in state.group.selectedNodes() if filter in (None, node.Class())]


def selectedNode(state):
    nodes = state.group.selectedNodes()
    if not nodes:
        raise ValueError("no node selected")
    return nodes[0]


def thisNode(state):
    if not state.this:
        return state.group
    return state.this[-1][0]


def thisKnob(state):
    if not state.this or state.this[-1][1] is None:
        raise ValueError("no knob: only inside a knob's callback")
    return state.this[-1][1]


def thisGroup(state):
    node = state.this[-1][0] if state.this else None
    return node if node is not None and hasattr(node, "_children") else state.group


def thisParent(state):
    return thisNode(state).parent()


def thisClass(state) -> str:
    return thisNode(state).Class()


def scriptName(state) -> str:
    name = state.root["name"].value()
    if not name:
        raise RuntimeError("script has no name")  # as Nuke does while a script was never saved
    return name


def modified(state, *flag) -> bool:
    if flag:
        state.root.setModified(flag[0])
    return state.root.modified()


def frame(state, *f) -> int:
    if f:
        state.root["frame"].setValue(int(f[0]))
    return int(state.root["frame"].value())


def views(state):
    return ["main"]


def thisView(state) -> str:
    return "main"


def menu(state, name):
    if name not in state.menus:
        if name not in ("Nuke", "Pane", "Nodes", "Properties", "Animation", "Viewer", "Node Graph", "Axis"):
            raise ValueError(f"there is no menu {name!r}")
        state.menus[name] = state.nuke.Menu()
        state.menus[name]._name = name
    return state.menus[name]


def toolbar(state, name, create=True):
    if name not in state.toolbars:
        state.toolbars[name] = state.nuke.ToolBar()
        state.toolbars[name]._name = name
    return state.toolbars[name]


def pluginPath(state):
    return list(state.paths)


def pluginAddPath(state, args, addToSysPath=True) -> None:
    """In front, as Nuke does; its init.py is run."""
    for path in [args] if isinstance(args, str) else list(args):
        where = Path(path)
        if not where.is_absolute():  # relative to the file that asks
            where = Path(sys._getframe(2).f_globals["__file__"]).parent / path
        state.paths.insert(0, where.as_posix())
        if addToSysPath and str(where) not in sys.path:
            sys.path.insert(0, str(where))
        start = where / "init.py"
        if start.is_file():
            run_file(state, start)


def run_file(state, path) -> None:
    """init.py or menu.py, as Nuke runs them: no module, `__file__` known."""
    source = Path(path).read_text(encoding="utf-8")
    exec(compile(source, str(path), "exec"), {"__file__": str(path), "__name__": Path(path).stem})


def plugins(state, switches=0, *pattern):
    wanted = pattern or ("*",)
    found = [
        file
        for path in state.paths
        for file in sorted(Path(path).glob("*"))
        if any(fnmatch.fnmatch(file.name, p) for p in wanted)
    ]
    return [file.as_posix() if switches & CONSTANTS["ALL"] else file.name for file in found]


def execute(state, *args, **kwargs) -> None:
    node = args[0] if not isinstance(args[0], str) else toNode(state, args[0])
    if len(args) > 1 and not isinstance(args[1], (int, float)):
        frames = args[1].toFrameList()
    else:
        start = kwargs.get("start", args[1] if len(args) > 1 else None)
        end = kwargs.get("end", args[2] if len(args) > 2 else start)
        step = kwargs.get("incr", args[3] if len(args) > 3 else 1)
        frames = list(range(int(start), int(end) + 1, int(step)))
    state.renders.append((node.name(), frames[0], frames[-1], len(frames)))
    if state.on_render is None:
        raise AssertionError("nuke.execute was called: set state.on_render to write what Nuke would render")
    for at in frames:
        state.on_render(node, at)


def sample(state, node, channel, x, y, dx=1, dy=1) -> float:
    if state.on_sample is None:
        raise AssertionError("nuke.sample was called: set state.on_sample to answer for the pixels")
    return state.on_sample(node, channel, x, y)


def executeInMainThread(state, call, args=(), kwargs=None) -> None:
    args = args if isinstance(args, tuple) else (args,)
    if threading.get_ident() == state.main:
        call(*args, **(kwargs or {}))
    else:
        state.waiting.append(lambda: call(*args, **(kwargs or {})))


def executeInMainThreadWithResult(state, call, args=(), kwargs=None):
    if threading.get_ident() == state.main:
        raise RuntimeError("executeInMainThreadWithResult hangs when the main thread itself calls it")
    args = args if isinstance(args, tuple) else (args,)
    done, result = threading.Event(), []

    def run() -> None:
        try:
            result.append(call(*args, **(kwargs or {})))
        finally:
            done.set()

    state.waiting.append(run)
    done.wait()
    return result[0]


def knobDefault(state, classknob, value=None):
    if value is None:
        return state.defaults.get(classknob)
    state.defaults[classknob] = value
    return None


def filename(state, node, i=None):
    """As the node would open it now: in proxy mode the proxy, where there is one."""
    proxy = node.knob("proxy") if state.root["proxy"].value() else None
    knob = proxy if proxy is not None and proxy.value() else node.knob("file")
    return knob.getEvaluatedValue() or None if knob is not None else None


def tcl(state, cmd, *args) -> str:
    line = " ".join((cmd, *args))
    if line not in state.tcl_answers:
        raise AssertionError(f"nuke.tcl({line!r}): the test has no answer for it")
    return state.tcl_answers[line]


def script_directory(state) -> str:
    return Path(scriptName(state)).parent.as_posix()


def scriptClear(state, *args, **kwargs) -> None:
    state.root = state.nuke.Root()
    state.groups.clear()


def scriptSaveAs(state, filename=None, overwrite=-1) -> None:
    Path(filename).write_text(write_nodes(state.root), encoding="utf-8")
    state.root._knobs["name"]._value = filename


def scriptSave(state, filename=None) -> bool:
    scriptSaveAs(state, filename or scriptName(state))
    return True


def scriptOpen(state, filename=None) -> None:
    scriptClear(state)
    load_nodes(state, Path(filename).read_text(encoding="utf-8"), state.root)
    state.root._knobs["name"]._value = filename


def scriptReadText(state, s) -> None:
    load_nodes(state, s, state.group)


def nodeCopy(state, s) -> None:
    chosen = state.group.selectedNodes()[::-1]
    if not chosen:
        raise RuntimeError("no nodes selected")
    Path(s).write_text(write_nodes(state.group, only=chosen), encoding="utf-8")


def nodePaste(state, s):
    made = load_nodes(state, Path(s).read_text(encoding="utf-8"), state.group)
    return made[-1] if made else None


def _adder(kind):
    def add(state, call, args=(), kwargs=None, nodeClass="*", node=None) -> None:
        state.callbacks.append((kind, call, args, kwargs or {}, nodeClass))

    def remove(state, call, args=(), kwargs=None, nodeClass="*", node=None) -> None:
        state.callbacks[:] = [c for c in state.callbacks if c[:2] != (kind, call)]

    return add, remove


for _kind in ("OnCreate", "OnUserCreate", "OnScriptLoad", "OnScriptSave", "OnScriptClose", "OnDestroy",
              "KnobChanged", "UpdateUI", "Autolabel", "BeforeRender", "AfterRender"):  # fmt: skip
    globals()[f"add{_kind}"], globals()[f"remove{_kind}"] = _adder(_kind)


def registerWidgetAsPanel(state, widget, name, id, create=False):
    state.panels[id] = (widget, name)
    return state.nukescripts_panel if hasattr(state, "nukescripts_panel") else None


def restorePanel(state, id):
    if id not in state.panels:
        raise ValueError(f"no panel {id!r} was registered")
    return state.panels[id]
