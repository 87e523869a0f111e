"""What the Nuke API declares, read from the public stubs (`types-nuke`) as data.

Python 3.9-safe, standard library only: it runs on every Python that a supported Nuke embeds.
"""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The modules of the stubs whose names end up in `nuke`, in the order in which the real one imports them.
MODULES = (
    "_nuke",
    "utils",
    "callbacks",
    "colorspaces",
    "executeInMain",
    "overrides",
    "scripts",
)
# Declared types that a call can be held to. Everything else is taken as it comes.
SIMPLE_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool, int),
    "float": (int, float),
}


class StubsMissingError(ImportError):
    """types-nuke is not installed."""


@dataclass
class Declared:
    """A function: one signature for each overload, and which parameters have a type that can be checked."""

    name: str
    signatures: list[inspect.Signature] = field(default_factory=list)

    def check(self, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """TypeError unless the call fits one of the declared signatures."""
        problems = []
        for signature in self.signatures:
            try:
                bound = signature.bind(*args, **kwargs)
                _check_types(bound)
            except TypeError as error:  # noqa: PERF203 -- one overload after the other
                problems.append(f"{self.name}{signature}: {error}")
            else:
                return
        raise TypeError("; ".join(problems))


@dataclass
class DeclaredClass:
    """A class: its bases by name, its methods, and its attributes."""

    name: str
    bases: list[str]
    methods: dict[str, Declared] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)


@dataclass
class Api:
    """Everything that a module declares."""

    functions: dict[str, Declared] = field(default_factory=dict)
    classes: dict[str, DeclaredClass] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)

    @property
    def names(self) -> set[str]:
        """All public names."""
        return set(self.functions) | set(self.classes) | self.variables


def stubs_folder() -> Path:
    """Where types-nuke lies; StubsMissingError if it is not installed."""
    for entry in sys.path:
        folder = Path(entry) / "nuke-stubs"
        if (folder / "_nuke.pyi").is_file():
            return folder
    raise StubsMissingError("the Nuke stubs are missing: pip install types-nuke")


@cache
def nuke_api() -> Api:
    """What `import nuke` declares."""
    api = Api()
    for module in MODULES:
        _read(stubs_folder() / f"{module}.pyi", api)
    return api


@cache
def nukescripts_api() -> Api:
    """What we use of `nukescripts`, for which there are no public stubs."""
    api = Api()
    _read(HERE / "nukescripts.pyi", api)
    return api


def _read(path: Path, api: Api) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            declared = api.functions.setdefault(node.name, Declared(f"nuke.{node.name}"))
            declared.signatures.append(_signature(node.args, method=False))
        elif isinstance(node, ast.ClassDef):
            api.classes[node.name] = _class(node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            api.variables.add(node.target.id)
        elif isinstance(node, ast.Assign):  # `render = execute`: another name for the same
            for target in node.targets:
                if isinstance(target, ast.Name) and isinstance(node.value, ast.Name):
                    other = api.functions.get(node.value.id)
                    if other is not None:
                        api.functions[target.id] = other


def _class(node: ast.ClassDef) -> DeclaredClass:
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    declared = DeclaredClass(node.name, bases)
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            method = declared.methods.setdefault(item.name, Declared(f"nuke.{node.name}.{item.name}"))
            method.signatures.append(_signature(item.args, method=True))
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            declared.attributes.add(item.target.id)
    return declared


def _signature(args: ast.arguments, method: bool) -> inspect.Signature:
    positional = [*args.posonlyargs, *args.args]
    optional = len(args.defaults)
    parameters = [
        inspect.Parameter(
            argument.arg,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=inspect.Parameter.empty if i < len(positional) - optional else None,
            annotation=_simple(argument.annotation),
        )
        for i, argument in enumerate(positional)
    ]
    if method and parameters and parameters[0].name in ("self", "cls", "type"):
        parameters = parameters[1:]
    if args.vararg is not None:
        parameters.append(inspect.Parameter(args.vararg.arg, inspect.Parameter.VAR_POSITIONAL))
    for argument, default in zip(args.kwonlyargs, args.kw_defaults):
        parameters.append(
            inspect.Parameter(
                argument.arg,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if default is None else None,
                annotation=_simple(argument.annotation),
            )
        )
    if args.kwarg is not None:
        parameters.append(inspect.Parameter(args.kwarg.arg, inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters)


def _simple(annotation: ast.expr | None) -> object:
    if isinstance(annotation, ast.Name) and annotation.id in SIMPLE_TYPES:
        return annotation.id
    return inspect.Parameter.empty


def _check_types(bound: inspect.BoundArguments) -> None:
    for name, value in bound.arguments.items():
        annotation = bound.signature.parameters[name].annotation
        allowed = SIMPLE_TYPES.get(annotation) if isinstance(annotation, str) else None
        if allowed is not None and not isinstance(value, allowed):
            raise TypeError(f"{name} must be {annotation}, not {type(value).__name__} ({value!r})")
