"""``flyaway export``: a training checkpoint → the files of a released model; and `export nuke`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flyaway.cli.console import say
from flyaway.cli.export_nuke import export_nuke
from flyaway.errors import NoEngineError
from flyaway.optional import require
from flyaway.weights import weights_folder


class _CheckpointFirst(TyperGroup):
    """`flyaway export CHECKPOINT …` is `flyaway export weights CHECKPOINT …`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command that was left out."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["weights", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to the CLI."""
    group = typer.Typer(cls=_CheckpointFirst, no_args_is_help=True, rich_markup_mode=None)
    group.command("weights")(export)
    group.command("nuke")(export_nuke)
    app.add_typer(group, name="export", help="Write a model's files: `weights` (default) or `nuke`.")


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint: weights or average, safetensors.")],
    name: Annotated[str, typer.Option(help="Name of the model in the manifest.")],
    config: Annotated[str, typer.Option(help="Configuration it was trained in.")] = "fast",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The manifest's folder. Default: the installed one."),
    ] = None,
    title: Annotated[str, typer.Option(help="One line for people.")] = "",
    licence: Annotated[str, typer.Option(help="SPDX identifier of the weights.")] = "GPL-3.0-or-later",
    version: Annotated[
        int | None,
        typer.Option(min=1, help="Which release of it. Default: one more than the newest."),
    ] = None,
    keep_earlier: Annotated[
        bool, typer.Option("--keep-earlier", help="Keep the version that is replaced, as NAME@VERSION.")
    ] = False,
    share: Annotated[
        bool,
        typer.Option("--share", help="Files that hold the same bytes are listed once, and others removed."),
    ] = False,
) -> None:
    """Write ONNX graphs and fp16 safetensors of a checkpoint, and list them in the manifest (needs torch)."""
    packages = "torch", "safetensors", "onnx", "onnxscript"
    require("export", *packages, install=" ".join(packages), error=NoEngineError)
    from flyaway.export.release import release

    entry = release(
        checkpoint,
        config,
        name,
        output or weights_folder(),
        title or name,
        licence,
        version=version,
        keep_earlier=keep_earlier,
    )
    say(f"{name}, version {entry['version']}")
    for role, file in entry["files"].items():
        say(f"{role:8} {file['bytes']:>12,} bytes  {file['path']}")
    if share:
        from flyaway.export.shared import list_once

        for path in list_once(output or weights_folder()):
            say(f"removed {path}: another file is the same")
