"""``flyaway export nuke``: a released model → the TorchScript file of the live Nuke node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flyaway.cli.console import say
from flyaway.errors import NoEngineError
from flyaway.optional import require
from flyaway.weights import model_info


def export_nuke(
    model: Annotated[str, typer.Option(help="A released model: NAME or NAME@VERSION.")] = "fast",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file. Default: flyaway_MODEL.pt here.")
    ] = None,
) -> None:
    """Write the TorchScript file that Nuke's CatFileCreator turns into a .cat (needs torch)."""
    info = model_info(model)
    torch = require("export nuke", "torch", install="torch safetensors", error=NoEngineError)
    from flyaway.engines.torch_engine import load_network
    from flyaway.export.nuke import export_nuke as write
    from flyaway.frames.ours import refuse_to_replace

    path = output or Path(f"flyaway_{model.replace('@', '_v')}.pt")
    refuse_to_replace(path, "live model")
    write(load_network(info), path)
    say(f"{path}  {path.stat().st_size:,} bytes  {info.licence}  made with torch {torch.__version__}")
    say("Next: NukeX, Flyaway > Build the live model (or nuke_plugin/build_cat.py).")
