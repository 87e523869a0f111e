"""What the table of header fields says of one field, of one plate, and to a reader of docs/headers.md."""

from __future__ import annotations

import OpenImageIO as oiio

from flyaway.frames.field_table import FIELDS, Field
from flyaway.frames.options import Output


def field_of(name: str) -> Field:
    """The row that a header field falls under; upper and lower case are one."""
    wanted = name.lower()
    for field in FIELDS:
        for pattern in field.names:
            known = pattern.lower()
            if wanted == known or (known.endswith("*") and wanted.startswith(known[:-1])):
                return field
    raise AssertionError("the last row fits every name")  # pragma: no cover


def notes_on(spec: oiio.ImageSpec, output: Output, *, exr: bool = True) -> tuple[str, ...]:
    """What a user should be told of the fields of a plate's header that an output of this kind leaves out."""
    told = dict[str, None]()
    for name in [item.name for item in spec.extra_attribs]:
        field = field_of(name)
        if field.told and field.verdict(output, exr=exr) == "dropped" and spec.get(name):
            told[field.told] = None
    return tuple(told)


def refusal_of(spec: oiio.ImageSpec, output: Output) -> str | None:
    """Why a plate with this header cannot become an output of this kind, or None."""
    upright = int(spec.get("Orientation", 1) or 1) <= 1
    field = field_of("Orientation")
    return None if upright or field.verdict(output) != "refused" else field.why


def as_markdown() -> str:
    """The table, as docs/headers.md shows it."""
    lines = [
        "| field | names | matte, unknown | rgba, fg, comp | beside | in PNG and TIFF | why |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {field.what} | {' '.join(f'`{name}`' for name in field.names)} | {field.matte} | {field.rgba} |"
        f" {field.beside} | {_elsewhere(field)} | {field.why} |"
        for field in FIELDS
    ]
    return "\n".join(lines) + "\n"


def _elsewhere(field: Field) -> str:
    if "rewritten" in (field.matte, field.rgba):
        return "as in EXR"
    return {"kept": "kept", "same format": "from the same format", "dropped": "dropped"}[field.elsewhere]
