"""``flyaway evaluate``: score models on a folder of plates with true mattes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from flyaway.cli.console import errors, say

if TYPE_CHECKING:
    from flyaway.evaluation.run import Matter


def register(app: typer.Typer) -> None:
    """Add the command to the CLI."""
    app.command()(evaluate)


def evaluate(
    set_dir: Annotated[Path, typer.Argument(help="Folder of NAME.png + NAME.alpha.png, or a benchmark's.")],
    layout: Annotated[
        str, typer.Option(help="auto, pairs, p3m-500-p, p3m-500-np, ppm-100 or photomatte85.")
    ] = "auto",
    model: Annotated[
        list[str] | None, typer.Option(help="Model to score; may be repeated. Default: the first released.")
    ] = None,
    with_rvm: Annotated[bool, typer.Option(help="Score RVM-MobileNetV3 on the same images.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the table and the contact sheet.")] = Path(
        "evaluation"
    ),
    limit: Annotated[int | None, typer.Option(min=1, help="Score so many images, spread evenly.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    backgrounds: Annotated[
        Path | None, typer.Option(help="Background images for the cut-outs of photomatte85.")
    ] = None,
    sheet_images: Annotated[int, typer.Option(min=0, help="Images on the contact sheet, worst first.")] = 24,
) -> None:
    """Score mattes against their truth; writes scores.md, scores.json and sheet.png."""
    from flyaway.evaluation import layouts, report, run

    images = layouts.open_set(set_dir, layout, backgrounds=backgrounds)
    matters = load_matters(model, with_rvm, device)
    total = len(run.spread(images.items, limit))
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task(f"{images.name}, {images.layout}", total=total)
        result = run.evaluate(
            images,
            matters,
            limit=limit,
            sheet_images=sheet_images,
            on_scored=lambda _: progress.advance(task),
        )
    say("\n".join(report.table(result)) + "\n")
    for note in report.notes(result):
        say(f"- {note}")
    for path in run.write(result, out):
        errors.print(f"wrote {path}", markup=False)


def load_matters(names: list[str] | None, with_rvm: bool, device: str) -> dict[str, Matter]:
    """Callables by name: the models asked for (or the first released), then RVM."""
    import flyaway

    matters: dict[str, Matter] = {}
    for name in names or list(flyaway.list_models())[:1]:
        matters[name] = _matter(flyaway.load(name, device=device))
    if with_rvm:
        from flyaway.evaluation.rvm import RobustVideoMatting

        matters["RVM-MobileNetV3"] = RobustVideoMatting(device)
    return matters


def _matter(matting: Callable[..., object]) -> Matter:
    return lambda plate: matting(plate, encoding="srgb").alpha  # type: ignore[attr-defined]
