"""A released network → one TorchScript file that Nuke 14 to 17 can load (torch 1.12.1 to 2.7)."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import Tensor, nn

from flyaway.errors import WeightsError
from flyaway.export.nuke_module import LiveMatte
from flyaway.export.stages import CoarseGraph, TokensGraph
from flyaway.network import MattingNetwork, TwoStageNetwork

# Operators that make a tensor from nothing: what they name at export stays named for good.
FACTORIES = ("zeros", "ones", "full", "empty", "rand", "randn", "arange", "linspace", "eye", "tensor",
             "scalar_tensor", "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "new_zeros",
             "new_ones", "new_full", "new_empty")  # fmt: skip
_ARCHIVE_DATE = (1980, 1, 1, 0, 0, 0)


class Attend(nn.Module):
    """Tokens of regions and neighbours, bias indices, validity → each region's token after attention."""

    def __init__(self, network: MattingNetwork):
        super().__init__()
        self.layers = network.attention.layers

    def forward(self, tokens: Tensor, index: Tensor, valid: Tensor) -> Tensor:
        for layer in self.layers:
            tokens = layer(tokens, index, valid)
        return tokens[:, 0]


class Refine(nn.Module):
    """Patches and tokens after attention → the change of the coarse alpha."""

    def __init__(self, network: MattingNetwork):
        super().__init__()
        self.refiner = network.refiner

    def forward(self, patches: Tensor, attended: Tensor) -> Tensor:
        return self.refiner.decode((patches,), attended)


def live_matte(network: TwoStageNetwork) -> torch.jit.ScriptModule:
    """The network as one scripted module around four traced ones; see `nuke_module`.

    Raises
    ------
    WeightsError : a configuration that the scripted loop does not cover.
    """
    c = network.config
    if not isinstance(network, MattingNetwork) or c.refiner.halo == 0 or c.attention.radius == 0:
        raise WeightsError(
            f"configuration {c.name!r} has no live form: it must be one of ours, with regions that are"
            " blended in by a halo and neighbours within a radius. Bake with `flyaway matte` instead"
        )
    # Exact derivatives are not wanted, and constants that a trace cannot see through are what the tests find.
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.simplefilter("ignore", DeprecationWarning)
        m, n, t = c.coarse.pad_multiple, 5, 1 + c.attention.neighbours
        image = torch.rand(1, 3, 3 * m, 4 * m)
        _, _, features, context = CoarseGraph(network)(image)
        side = c.refiner.cell + 2 * c.refiner.halo
        patches = torch.rand(n, 5 + features.shape[1], side, side)
        bias = torch.randint(0, (2 * c.attention.reach + 1) ** 2 + 1, (n, t, t))
        examples: list[tuple[nn.Module, tuple[Tensor, ...]]] = [
            (CoarseGraph(network), (image,)),
            (TokensGraph(network), (patches, torch.rand(n, context.shape[1]))),
            (Attend(network), (torch.rand(n, t, c.attention.dim), bias, torch.rand(n, t) < 0.5)),
            (Refine(network), (patches, torch.rand(n, c.attention.dim))),
        ]
        parts = [torch.jit.trace(part.eval(), example, check_trace=False) for part, example in examples]
        return torch.jit.script(LiveMatte(parts, c).eval())


def export_nuke(network: TwoStageNetwork, path: Path) -> Path:
    """Write the TorchScript file, checked: operators' constants, and no debug tables."""
    module = live_matte(network)
    if found := baked_in(module):
        raise WeightsError("the exported graph fixes a device or type: " + "; ".join(found))
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as folder:
        raw, clean = Path(folder) / "raw.pt", Path(folder) / "clean.pt"
        torch.jit.save(module, str(raw))
        strip(raw, clean)
        clean.replace(path)
    return path


def strip(source: Path, target: Path) -> None:
    """Copy a TorchScript archive without *.debug_pkl (paths of this machine, a third of the entries).

    Records keep their 64-byte alignment, which torch maps tensors by.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for item in old.infolist():
            if item.filename.endswith(".debug_pkl"):
                continue
            entry = zipfile.ZipInfo(item.filename, _ARCHIVE_DATE)
            offset = new.fp.tell() + 30 + len(item.filename.encode())  # type: ignore[union-attr]
            padding = -(offset + 4) % 64
            entry.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
            new.writestr(entry, old.read(item))


class Use(NamedTuple):
    """An operator, as a graph calls it."""

    schema: str
    line: str


def nodes(module: torch.jit.ScriptModule) -> Iterator[torch.Node]:
    """Every node of every graph, helper functions and submodules included (all are inlined)."""
    graph = module.inlined_graph  # its nodes live as long as it does
    blocks = [graph]
    while blocks:
        for node in blocks.pop().nodes():
            blocks += list(node.blocks())  # type: ignore[arg-type]
            yield node


def operators(module: torch.jit.ScriptModule) -> list[Use]:
    """Every operator of the module."""
    found: list[Use] = []
    for node in nodes(module):
        schema = node.schema()
        if node.kind().startswith("aten::") and schema not in ("", "(no schema)"):
            found.append(Use(schema, str(node).strip()))
    return found


def tensor_constants(module: torch.jit.ScriptModule) -> list[str]:
    """Tensors that the graph itself holds. They stay on their device; single numbers go anywhere."""
    held = (node for node in nodes(module) if node.kind() == "prim::Constant" and node.hasAttribute("value"))
    return [str(node).strip() for node in held if node.kindOf("value") == "t" and node.t("value").dim() > 0]


def baked_in(module: torch.jit.ScriptModule) -> list[str]:
    """Tensors made on a device, or in a floating type, that the export fixed."""
    graph = str(module.inlined_graph)
    constants = dict(re.findall(r"(%[\w.]+) : \S+ = prim::Constant\[value=(\"?[\w:.-]+\"?)\]", graph))
    found = tensor_constants(module) + [
        f"{name} : {value}"
        for name, value in constants.items()
        if value.strip('"').split(":")[0] in ("cpu", "cuda")
    ]
    for use in operators(module):
        name = re.match(r"aten::(\w+)", use.schema)
        if name is None or name.group(1) not in FACTORIES:
            continue
        arguments = use.line.split(f"aten::{name.group(1)}", 1)[1]
        declared = (a.strip() for a in use.schema.split("(", 1)[1].rsplit(") ->", 1)[0].split(","))
        names = [a.split("=")[0].split(" ")[-1] for a in declared if a != "*"]
        values = re.findall(r"%[\w.]+", arguments)
        by_name = dict(zip(names, values, strict=False))
        dtype = constants.get(by_name.get("dtype", ""), "")
        if dtype in ("5", "6", "7", "15"):  # half, float, double, bfloat16
            found.append(use.line)
        if name.group(1) in FACTORIES[:10] and not by_name.get("device", ""):
            found.append(use.line)
    return found
