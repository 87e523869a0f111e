"""How commands explain themselves: an example each, options in groups, the artist's commands first."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

# For people who make and measure models; the rest is for those who use them.
DEVELOPERS = ("evaluate", "bench", "export")
_ORDER = ("matte", "batch", "movie", "review", "models", "doctor", "farm", "blender-render")
EXAMPLES = {
    "matte": (
        "flyaway matte portrait.png -o portrait.matte.png",
        "flyaway matte 'plates/sh010.####.exr' -o 'mattes/sh010.####.exr' --frames 1001-1100 --resume",
    ),
    "batch": (
        "flyaway batch --init night.toml",
        "flyaway batch night.toml --dry-run",
        "flyaway batch night.toml --report night.json",
    ),
    "movie": ("flyaway movie clip.mov 'mattes/clip.####.exr' -o clip_alpha.mov",),
    "review": (
        "flyaway review 'plates/sh010.####.exr' 'mattes/sh010.####.exr' -o review.html",
        "flyaway review 'plates/sh010.####.exr' 'new/sh010.####.exr' --against 'old/sh010.####.exr'",
    ),
    "models": ("flyaway models",),
    "doctor": ("flyaway doctor",),
    "farm": ("flyaway farm openjd night.toml -o night.template.json",),
    "blender-render": ("flyaway blender-render shot.blend --frames 1-100",),
    "evaluate": ("flyaway evaluate pairs/ --model fast --out evaluation",),
    "bench": ("flyaway bench",),
    "export": ("flyaway export nuke --model fast -o Flyaway.pt",),
    "openjd": ("flyaway farm openjd night.toml -o night.template.json",),
    "opencue": ("flyaway farm opencue night.toml -o night.outline",),
    "deadline": ("flyaway farm deadline night.toml -o night/",),
    "dask": ("flyaway farm dask night.toml --scheduler tcp://host:8786",),
}
# Option → under which heading it stands; what is not named here stands last.
_GROUPS = {
    "Plates": ("--frames", "--in-space", "--ocio", "--alpha-in", "--part", "--layer", "--shot"),
    "Mattes": (
        "--out", "--output", "--format", "--channel", "--depth", "--compression", "--crop", "--premultiplied",
        "--with-unknown", "--previews", "--raw", "--review", "--edge-colour", "--despill",
        "--despill-strength", "--over", "--against",
    ),
    "Who and what": (
        "--subject", "--garbage", "--core", "--black", "--white", "--gamma", "--grow", "--choke", "--soften",
        "--fill-holes", "--invert",
    ),
    "Where mattes are already": ("--overwrite", "--skip-existing", "--resume"),
    "Model and machine": (
        "--model", "--device", "--engine", "--threads", "--coarse-only", "--stills", "--steadiness",
        "--memory", "--readers", "--writers", "--chunk", "--handles",
    ),
    "Before and after": (
        "--dry-run", "--measure", "--json", "--init", "--progress", "--report",
    ),
}  # fmt: skip
# Of every command: what asks for help, and how wide it is at most.
SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_OTHER = "Other options"
# What the library calls the kinds of values, and what people do.
_WORDS = (
    (r"<list\[(\w+)\]>", r"<\1>"),
    (r"<(?:int|integer)(?: range)?>|\bINTEGER(?: RANGE)?\b", "N"),
    (r"<float(?: range)?>|\bFLOAT(?: RANGE)?\b", "X"),
    (r"<(?:path|directory|file)>", "PATH"),
    (r"<(?:str|text)>", "TEXT"),
)


class Command(TyperCommand):
    """A command whose options stand in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then each group under its heading."""
        arguments, groups = [], {name: list[tuple[str, str]]() for name in (*_GROUPS, _OTHER)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            shown = (_plain(record[0]), _plain(record[1]))
            if parameter.param_type_name == "argument":
                arguments.append(shown)
            else:
                groups[_group_of(parameter.opts)].append(shown)
        few = sum(map(bool, groups.values())) < 3 or sum(map(len, groups.values())) < 9
        if few:  # a short list needs no headings
            groups = {"Options": [shown for group in groups.values() for shown in group]}
        for heading, records in (("Arguments", arguments), *groups.items()):
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the examples."""
        _write_examples(self.name or "", formatter)


class Group(TyperGroup):
    """A group of commands: the artist's in the order of their work, then the developers'."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands' names, in the order they are shown."""
        names = list(super().list_commands(ctx))
        known = [name for name in _ORDER if name in names]
        return [*known, *sorted(set(names) - {*_ORDER, *DEVELOPERS}), *(n for n in DEVELOPERS if n in names)]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands in two sections."""
        shown: dict[str, list[tuple[str, str]]] = {"Commands": [], "For developers": []}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is None or command.hidden:
                continue
            section = "For developers" if name in DEVELOPERS else "Commands"
            shown[section].append((name, command.get_short_help_str(limit=90)))
        for heading, records in shown.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write options and commands."""
        records = [record for one in self.get_params(ctx) if (record := one.get_help_record(ctx)) is not None]
        if records:
            with formatter.section("Options"):
                formatter.write_dl([(_plain(first), _plain(second)) for first, second in records])
        self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the examples."""
        _write_examples(self.name or "", formatter)


def explain(app: typer.Typer) -> None:
    """Give every command below `app` its place, its example and -h."""
    for command in app.registered_commands:
        if command.cls in (None, TyperCommand):
            command.cls = Command
        command.context_settings = {**SETTINGS, **(command.context_settings or {})}
    for group in app.registered_groups:
        inner = group.typer_instance
        if inner is None:
            continue
        inner.info.context_settings = {**SETTINGS}
        if not _is_set(inner.info.cls) and not _is_set(group.cls):
            group.cls = Group
        explain(inner)


def _is_set(value: Any) -> bool:
    """Whether one of typer's settings was given; it wraps those that were not."""
    found = getattr(value, "value", value)
    return found not in (None, TyperGroup)


def _group_of(options: list[str]) -> str:
    return next((name for name, among in _GROUPS.items() if set(options) & set(among)), _OTHER)


def _plain(text: str) -> str:
    for pattern, word in _WORDS:
        text = re.sub(pattern, word, text)
    return text


def _write_examples(name: str, formatter: Any) -> None:
    examples = EXAMPLES.get(name, ())
    if examples:
        with formatter.section("Examples" if len(examples) > 1 else "Example"):
            for line in examples:
                formatter.write(" " * formatter.current_indent + line + "\n")
