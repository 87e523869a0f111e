"""`flyaway models`: which weights there are."""

from __future__ import annotations

from typing import Annotated

import typer

import flyaway
from flyaway.cli.console import say
from flyaway.earlier import earlier_remedy
from flyaway.weights import model_info


def models(
    name: Annotated[str | None, typer.Argument(help="Show this model's card.")] = None,
) -> None:
    """List the released weights with their versions and licences, or show one model's card."""
    if name is not None:
        say(model_info(name).card.read_text(encoding="utf-8"))
        return
    earlier = flyaway.earlier_models()
    for info in flyaway.list_models().values():
        size = sum(file.bytes for file in info.graphs.values())  # what most people load
        say(f"{info.name}  version {info.version}  {size / 1e6:.1f} MB  {info.licence}  {info.title}")
        say(f"  card: {info.card}")
    here = [name for name, info in earlier.items() if info.installed]
    if here:
        say(f"Earlier versions, with --model: {', '.join(here)}")
    if len(here) < len(earlier):
        missing = ", ".join(name for name in earlier if name not in here)
        say(f"Earlier versions, not installed: {missing}: {earlier_remedy()}")
