"""Builds the fake modules: declarations from the stubs, behaviour from `graph`, `functions` and `dialogs`."""

from __future__ import annotations

import sys
import types
from typing import Any, Callable, NoReturn

from . import dialogs, functions, graph
from .constants import CONSTANTS
from .state import State
from .stubs import Api, Declared, DeclaredClass, nuke_api, nukescripts_api

# The types of Python's own that the stubs name as bases.
_BUILTINS = {"Exception": Exception}


class NotFakedError(NotImplementedError):
    """Declared by the stubs, but the fake has no behaviour for it: write one, or do without."""


class Fake:
    """An installed fake: the modules, and what a test looks at or sets up (`state`)."""

    def __init__(self, gui: bool, version: tuple[int, int]):
        self.state = State()
        self.nuke: Any = _module("nuke", nuke_api(), self.state)
        self.nukescripts: Any = _module("nukescripts", nukescripts_api(), self.state)
        self.state.nuke = self.nuke
        constants = {
            **CONSTANTS,
            "GUI": gui,
            "INTERACTIVE": gui,
            "NUKE_VERSION_MAJOR": version[0],
            "NUKE_VERSION_MINOR": version[1],
            "NUKE_VERSION_STRING": f"{version[0]}.{version[1]}v1",
            "env": {"gui": gui, "nukex": True, "studio": False, "WIN32": False, "MACOS": False,
                    "LINUX": True, "NukeVersionMajor": version[0], "NukeVersionMinor": version[1]},
            "nodes": graph.Nodes(self.state),
        }  # fmt: skip
        for name, value in constants.items():
            if name not in nuke_api().names:
                raise NotFakedError(f"the fake sets nuke.{name}, which the stubs do not declare")
            self.nuke.__dict__[name] = value
        self.state.root = self.nuke.Root()
        self.before = {name: sys.modules.get(name) for name in ("nuke", "nukescripts")}
        sys.modules.update(nuke=self.nuke, nukescripts=self.nukescripts)

    def uninstall(self) -> None:
        """Put back what was there."""
        for name, module in self.before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def install(gui: bool = True, version: tuple[int, int] = (15, 1)) -> Fake:
    """`import nuke` gives the fake from now on. `gui=False` is `nuke -t`."""
    return Fake(gui, version)


class _Strict(types.ModuleType):
    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        names = self.__dict__["_declared"]
        if name in names:
            raise NotFakedError(f"{self.__name__}.{name} is declared, but the fake has no behaviour for it")
        raise AttributeError(f"{self.__name__} has no {name!r} (not in the public stubs)")


def _module(name: str, api: Api, state: State) -> types.ModuleType:
    module = _Strict(name)
    module.__dict__["_declared"] = api.names
    classes: dict[str, type] = {}
    for declared in api.classes.values():
        module.__dict__[declared.name] = _class(declared, api, classes, state, name)
    for function, declared_function in api.functions.items():
        short = declared_function.name.rsplit(".", 1)[-1]
        behaviour = getattr(functions, short, None) or getattr(dialogs, short, None)
        if behaviour is not None:
            module.__dict__[function] = _function(declared_function, behaviour, state)
    return module


def _function(declared: Declared, behaviour: Callable[..., Any], state: State) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        state.check_thread(declared.name)
        declared.check(args, kwargs)
        return behaviour(state, *args, **kwargs)

    call.__name__ = call.__qualname__ = declared.name
    return call


def _class(declared: DeclaredClass, api: Api, classes: dict[str, type], state: State, module: str) -> type:
    if declared.name in classes:
        return classes[declared.name]
    bases = tuple(
        _class(api.classes[base], api, classes, state, module) if base in api.classes else _BUILTINS[base]
        for base in declared.bases
        if base in api.classes or base in _BUILTINS
    )
    behaviour = getattr(graph, declared.name, None)
    body: dict[str, Any] = {"__module__": module, "_state": state}
    for name, method in declared.methods.items():
        if name in ("__hash__", "__eq__", "__ne__", "__reduce_ex__", "__lt__", "__le__", "__gt__", "__ge__"):
            continue
        found = vars(behaviour).get(name) if behaviour is not None else None
        if found is not None or not _inherited(bases, name):
            body[name] = _method(method, found, state)
    for name, value in vars(behaviour).items() if behaviour is not None else ():
        if name in body or name in ("__dict__", "__weakref__", "__doc__", "__module__"):
            continue
        if name.startswith("_"):
            body[name] = value
            continue
        method = _declaration(declared, name, api)
        if method is None:
            raise NotFakedError(f"the fake gives {declared.name}.{name}, which the stubs do not declare")
        body[name] = _method(method, value, state)
    body["__setattr__"] = _setattr
    classes[declared.name] = type(declared.name, bases, body)
    return classes[declared.name]


def _declaration(declared: DeclaredClass, name: str, api: Api) -> Declared | None:
    """Of a method, in the class itself or in what it inherits from."""
    if name in declared.methods:
        return declared.methods[name]
    above = (_declaration(api.classes[base], name, api) for base in declared.bases if base in api.classes)
    return next((found for found in above if found is not None), None)


def _inherited(bases: tuple[type, ...], name: str) -> bool:
    """A base behaves; a subclass that declares the same again, without types, adds nothing."""
    return any(getattr(getattr(base, name, None), "_faked", False) for base in bases)


def _method(declared: Declared, behaviour: Callable[..., Any] | None, state: State) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if declared.name.rsplit(".", 1)[-1] != "__init__":
            state.check_thread(declared.name)
        declared.check(args, kwargs)
        if behaviour is None:
            raise NotFakedError(f"{declared.name} is declared, but the fake has no behaviour for it")
        return behaviour(self, *args, **kwargs)

    call.__name__ = call.__qualname__ = declared.name
    call._faked = behaviour is not None  # type: ignore[attr-defined]
    return call


def _setattr(self: object, name: str, value: object) -> None:
    """Nuke's objects take no attributes; the fake's own begin with an underscore."""
    if not name.startswith("_"):
        raise AttributeError(f"{type(self).__name__} takes no attribute {name!r}: set a knob")
    object.__setattr__(self, name, value)
