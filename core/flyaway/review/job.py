"""A job's review: a page a shot, and one that leads to them, the shots that want a look first."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from flyaway import __version__
from flyaway.batch.job import Job, Shot, plan_job, run_options
from flyaway.batch.plan import Plan
from flyaway.frames.atomic import write_text
from flyaway.frames.ours import refuse_to_replace
from flyaway.frames.patterns import FrameJob
from flyaway.review.check import Review
from flyaway.review.partners import Partner, partner_of, without_partner
from flyaway.review.run import ReviewOptions, check_places, make_review, thumbnail

INDEX = "index.html"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="Flyaway review">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
html {{ color-scheme: dark; }}
:root {{ font: 14px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #e6e7ea; }}
body {{ margin: 0; padding: 18px 24px; background: #191a1c; }}
h1 {{ font-size: 20px; font-weight: 600; margin: 0 0 14px; overflow-wrap: anywhere; }}
td small {{ display: block; color: #e8b04a; font-size: 12px; }}
h1 small {{ display: block; color: #989ca6; font-size: 12px; font-weight: 400; }}
table {{ width: 100%; border-collapse: collapse; background: #212327; border: 1px solid #33363c; }}
th, td {{ padding: 8px 14px; border-top: 1px solid #33363c; text-align: left; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }}
th {{ color: #989ca6; font-size: 12px; font-weight: 600; border: 0; }}
img {{ display: block; width: 160px; height: 90px; object-fit: contain; background: #000; }}
a {{ color: #e8b04a; }} .bad {{ color: #ef6461; }} .good {{ color: #69b587; }} .unsure {{ color: #e8b04a; }}
</style>
</head>
<body>
<h1>{title}<small>{summary}</small></h1>
<table>
<tr><th></th><th>Shot</th><th>Frames</th><th>With faults</th><th>Coverage</th><th>Worst frame</th></tr>
{rows}
</table>
</body>
</html>
"""

_TRIED = 8  # of the worst frames, for a picture of the shot


@dataclass(frozen=True)
class ShotReview:
    """A shot, looked over.

    Attributes
    ----------
    name : the shot's.
    page, sheet : what was written for it.
    review : its measures.
    thumb : a data URI of the worst frame that can be shown, over green; "" where none of the first can.
    """

    name: str
    page: Path
    sheet: Path
    review: Review
    thumb: str = ""

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return len(self.review.frames)


def review_job(
    job: Job,
    folder: Path,
    options: ReviewOptions | None = None,
    progress: Callable[[ShotReview], None] | None = None,
    against: Job | None = None,
) -> list[ShotReview]:
    """Write a page and a contact sheet for each shot into a folder, and `index.html`.

    Parameters
    ----------
    job : what was matted; the first output that is a matte is looked at, else the first.
    folder : made if it is not there; pages in it are replaced.
    options : what is said here wins over what the shots say; the titles are the shots' names.
    progress : called after each shot.
    against : another job over these plates; each shot is compared with the one of its name there, and what
        has no partner is told.

    Returns
    -------
    The shots in the job's order.

    Raises
    ------
    JobError : the job cannot be resolved to files.
    FlyawayError : a page cannot be written.
    """
    options = options or ReviewOptions()
    names = _file_names(job)
    plans, done = plan_job(job, to_write=False), []
    looked_at = [path for _, plan in plans for task in plan.tasks for path in (task.source, *task.targets)]
    refuse_to_replace(folder / INDEX, "page", looked_at)
    for shot, _ in plans:  # all of them before the first is looked at, which may take hours
        page = folder / f"{names[shot.name]}.html"
        check_places(page, page.with_suffix(".png"), looked_at)
    for shot, plan in plans:
        own = _options_of(shot, plan, options, title=f"{job.name}: {shot.name}")
        page = folder / f"{names[shot.name]}.html"
        sheet = page.with_suffix(".png")
        other = Partner() if against is None else partner_of(shot.name, plan, against)
        review = make_review(
            _pairs(plan),
            page,
            sheet,
            own,
            against=None if other.plan is None else _pairs(other.plan),
            against_channel=None if other.plan is None else _channel(other.plan),
            remarks=other.remarks,
        )
        # The worst that can be shown: a frame whose plate is broken tells nothing of the shot.
        shown = (thumbnail(review.frames[index], own) for index in review.worst[:_TRIED])
        one = ShotReview(shot.name, page, sheet, review, next(filter(None, shown), ""))
        done.append(one)
        if progress is not None:
            progress(one)
    write_text(folder / INDEX, _index(job, done, against))
    return done


def _looked_at(plan: Plan) -> int:
    """Which output."""
    return next((index for index, write in enumerate(plan.writes) if write.output == "matte"), 0)


def _pairs(plan: Plan) -> list[FrameJob]:
    index = _looked_at(plan)
    return [FrameJob(task.source, task.targets[index], task.frame) for task in plan.tasks]


def _options_of(shot: Shot, plan: Plan, options: ReviewOptions, title: str) -> ReviewOptions:
    """What the shot says of its plates, where the caller says nothing."""
    ran, asked = run_options(shot, "resume"), options.read
    read = replace(
        ran.read,
        in_space=asked.in_space or ran.in_space,
        part=asked.part or ran.read.part,
        layer=asked.layer or ran.read.layer,
        config=asked.config or ran.read.config,
    )
    channel = options.channel or _channel(plan)
    return replace(options, read=read, channel=channel, title=options.title or title)


def _channel(plan: Plan) -> str | None:
    """The mattes' channel, where that is unusual."""
    index = _looked_at(plan)
    named = plan.writes[index].channel
    # In other formats, and where it is the usual one, the channel is found without its name.
    return named if plan.tasks[0].targets[index].suffix.lower() == ".exr" and named != "A" else None


def _file_names(job: Job) -> dict[str, str]:
    """Shot → what its page is called; a name may hold anything, a file's name may not."""
    made: dict[str, str] = {}
    for number, shot in enumerate(job.shots, 1):
        plain = re.sub(r"[^\w.@+-]", "_", shot.name)[-120:].lstrip(".") or "shot"
        # Also on disks that do not tell capitals apart.
        taken = {name.lower() for name in made.values()} | {"index"}
        made[shot.name] = f"{plain}.{number}" if plain.lower() in taken else plain
    return made


def _index(job: Job, shots: list[ShotReview], against: Job | None) -> str:
    """The page that leads to the others: shots with the largest share of faulty frames first."""
    ranked = sorted(shots, key=lambda one: -max(len(run.faulty) for run in _runs(one.review)) / one.frames)
    frames = sum(one.frames for one in shots)
    faulty = sum(len(one.review.faulty) for one in shots)
    summary = f"{len(shots)} shots, {frames} frames, {faulty} with faults. Flyaway {__version__}"
    title = job.name
    if against is not None:
        title = f"A {job.name}, B {against.name}"
        alone = without_partner(job, against)
        more = f" Only in {against.name}, and not looked at: {', '.join(alone)}." if alone else ""
        summary = f"{len(shots)} shots, {frames} frames. Flyaway {__version__}.{more}"
    rows = "\n".join(map(_row, ranked))
    return _PAGE.format(title=html.escape(title), summary=html.escape(summary), rows=rows)


def _runs(review: Review) -> list[Review]:
    return [review] if review.against is None else [review, review.against]


def _row(one: ShotReview) -> str:
    link, runs = html.escape(quote(one.page.name)), _runs(one.review)
    names = ("A ", "B ") if len(runs) > 1 else ("",)
    notes = "".join(f"<small>{html.escape(note)}</small>" for note in one.review.notes)
    picture = f'<a href="{link}"><img src="{one.thumb}" alt=""></a>' if one.thumb else ""
    named = list(zip(names, runs, strict=True))
    faults, covered, verdicts = (
        "".join(f"<div{cell(run)[0]}>{html.escape(name + cell(run)[1])}</div>" for name, run in named)
        for cell in (_faults, _covered, _verdict if len(runs) == 1 else _compared)
    )
    return (
        f'<tr><td>{picture}</td><td><a href="{link}">{html.escape(one.name)}</a></td>'
        f"<td>{one.frames}</td><td>{faults}</td><td>{covered}</td><td>{verdicts}{notes}</td></tr>"
    )


def _faults(run: Review) -> tuple[str, str]:
    """A run's cell: its class, and its text."""
    kind = "bad" if run.faulty else "good" if run.sure else "unsure"
    return f' class="{kind}"', str(len(run.faulty))


def _covered(run: Review) -> tuple[str, str]:
    known = [frame.coverage for frame in run.frames if frame.coverage is not None]
    return "", f"{100 * sum(known) / len(known):.1f} %" if known else "none"


def _verdict(run: Review) -> tuple[str, str]:
    worst = max(run.frames, key=lambda frame: frame.score)
    verdict = f"{worst.label}: {'; '.join(worst.faults)}" if worst.faults else run.verdict
    return _faults(run)[0], verdict


def _compared(run: Review) -> tuple[str, str]:
    kind, verdict = _verdict(run)
    return kind, "; ".join(filter(None, (verdict, run.middles)))
