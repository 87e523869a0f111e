"""Naming tokens: `{shot}` and its like, in every path of a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flyaway.batch.finish import Finish
from flyaway.batch.plan import Target
from flyaway.chosen import path_text
from flyaway.errors import JobError

if TYPE_CHECKING:
    from flyaway.batch.job import Job, Shot

_TOKEN = re.compile(r"\{([A-Za-z_]\w*)\}")


def fill_in(text: str | Path, tokens: Mapping[str, str]) -> str:
    """Replace naming tokens such as `{shot}` in a path, which becomes a text.

    Raises
    ------
    JobError : there is no such token, or its value would lead to another folder.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in tokens:
            raise JobError(f"{text}: there is no token {{{name}}}; there are {', '.join(sorted(tokens))}.")
        found = tokens[name]
        if not found or found in (".", "..") or re.search(r"[/\\\0]", found):
            raise JobError(f"{text}: {{{name}}} is {found!r}, which cannot be a part of a file's name.")
        return found

    return _TOKEN.sub(value, path_text(text, "a path", JobError))


def tokens_of(job: Job, shot: Shot) -> dict[str, str]:
    """The naming tokens of a shot.

    `{model}` is the name alone: a show that goes on with earlier weights goes on in its folders.
    """
    model = shot.model.partition("@")[0]
    return {"job": job.name, "shot": shot.name, "model": model, **shot.tokens}


def filled_output(out: Target, tokens: Mapping[str, str]) -> Target:
    """An output, with `tokens` (of `tokens_of`) in its path and in that of what it lies over."""
    over = out.write.over
    write = out.write if over is None else replace(out.write, over=fill_in(over, tokens))
    return Target(fill_in(out.path, tokens), write, out.suffix)


def filled(shot: Shot, tokens: Mapping[str, str]) -> Finish:
    """What is done to a shot's mattes, with `tokens` (of `tokens_of`) in its paths."""
    finish = shot.finish
    return replace(
        finish,
        garbage=fill_in(finish.garbage, tokens),
        core=fill_in(finish.core, tokens),
        raw=fill_in(finish.raw, tokens),
    )
