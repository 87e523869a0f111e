"""Every table of the cards by one command: sets are made where they are missing, checked, and scored.

::

    python -m models.evaluation.tables                                    the set that may be shown
    python -m models.evaluation.tables --data DATA                        all sets, from the sources
    python -m models.evaluation.tables --sets BANK/val --model fast --model quality --isnet PACKAGE

Each run is a call of ``flyaway evaluate``, which is printed, into a folder of its own below ``--out``; all
tables together are ``tables.md`` there. ``--keep`` leaves finished runs as they are, so that a long job can
be cut off.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.evaluation import make_sets, shown
from models.evaluation.split import held_out, name_of, read_table
from models.mixing import Light
from models.training.data.solve_studio import solve_one

SITTERS = Path(__file__).with_name("sitters.csv")


@dataclass(frozen=True)
class Run:
    """One call of ``flyaway evaluate``: the set's folder, what is asked, and where the table goes."""

    name: str
    set: str
    options: tuple[str, ...] = ()
    worse: bool = False
    #: Few shots are all scored, whatever ``--every`` says; ISNet on hundreds of frames takes an hour.
    whole: bool = False
    isnet: bool = True

    @property
    def table(self) -> str:
        """The file that is written last but the pictures."""
        return "stress.md" if self.worse else "scores.md"


RUNS = (
    Run("footage", "footage", whole=True),
    Run("action", "action", ("--metrics", "iou,mad,mad_known,false_islands,false_holes")),
    Run("empty", "empty", ("--metrics", "mad,sad,false_islands")),
    Run("clips", "clips", isnet=False),
    Run("studio-linear", "studio-linear", ("--comp", "--refiner", "--group-by", str(SITTERS))),
    Run("faces-linear", "faces-linear", ("--comp", "--refiner", "--group-by", str(SITTERS))),
    Run("hair4k-linear", "hair4k-linear", ("--comp", "--refiner", "--group-by", "resolution")),
    Run("large-linear", "large-linear", ("--comp", "--group-by", "ending")),
    Run("scale-linear", "scale-linear", ("--group-by", "ending")),
    Run("studio", "studio", ("--refiner", "--group-by", str(SITTERS))),
    Run("faces", "faces", ("--refiner", "--group-by", str(SITTERS))),
    Run("street", "street"),
    Run("hair4k", "hair4k", ("--refiner", "--group-by", "resolution")),
    Run("scale", "scale", ("--group-by", "ending")),
    Run("studio-linear-stress", "studio-linear", ("--stress",), worse=True),
    Run("faces-linear-stress", "faces-linear", ("--stress",), worse=True),
    Run("street-stress", "street", ("--stress",), worse=True),
)
SHOWN = (
    Run("shown", "shown", ("--refiner",)),
    Run("shown-stress", "shown", ("--stress",), worse=True),
)


def make_missing(data: Path, sets: Path, solved: Mapping[Light, Path], names: Sequence[str]) -> None:
    """Make the sets that are not there, and solve the held-out studio portraits that they need."""
    missing = [name for name in names if not (sets / name).is_dir()]
    needed = {light for name in missing if (light := make_sets.light_of(name)) is not None}
    places = {name_of(row["image"]): data / row["image"] for row in read_table(data / "portraits.csv")}
    for light in sorted(needed):
        solved[light].mkdir(parents=True, exist_ok=True)
        for name in held_out("portrait", "london"):
            if not (solved[light] / f"{name}.alpha.png").exists():
                print(solve_one(places[name], solved[light], name, light), flush=True)
    if not missing:
        return
    sources = make_sets.Sources(data, solved["linear"], solved["encoded"])
    for name in missing:
        # Under another name first: a folder that is there is taken for whole.
        partial = sets / f".{name}"
        make_sets.write_set(name, sources, partial)
        (partial / name).rename(sets / name)
        partial.rmdir()


def command(run: Run, sets: Path, options: argparse.Namespace) -> list[str]:
    """The call that makes one table."""
    call = ["evaluate", str(sets / run.set), "--out", str(options.out / run.name)]
    call += [part for model in options.model for part in ("--model", model)]
    call += ["--device", options.device]
    call += ["--threads", str(options.threads)] if options.threads else []
    if options.rvm:
        call.append("--with-rvm")
    # ISNet under every condition takes hours on a CPU: only where it is wanted.
    if options.isnet and run.isnet and (not run.worse or options.isnet_stress):
        call += ["--with-isnet", str(options.isnet), "--cache", str(options.cache or options.out / "isnet")]
    every = options.stress_every if run.worse else options.every
    return [*call, *run.options, *(("--every", str(every)) if every > 1 and not run.whole else ())]


def tables(runs: Sequence[Run], out: Path) -> Iterator[str]:
    """Each run's Markdown up to its list of single images."""
    for run in runs:
        text = (out / run.name / run.table).read_text(encoding="utf-8")
        yield text.partition("\n## The worst images")[0].rstrip() + "\n"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with portraits.csv and backgrounds.csv")
    parser.add_argument("--sets", type=Path, help="folder of the sets; OUT/sets if not given")
    parser.add_argument("--solved", type=Path, help="portraits solved in light; OUT/london if not given")
    parser.add_argument(
        "--solved-encoded", type=Path, help="solved in encoded values; OUT/london-encoded if not given"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/evaluation"))
    parser.add_argument("--model", action="append", default=[], help="may be repeated; default: all released")
    parser.add_argument("--only", help="runs, comma-separated: " + ", ".join(run.name for run in RUNS))
    parser.add_argument("--no-rvm", dest="rvm", action="store_false", help="leave RVM out")
    parser.add_argument("--isnet", type=Path, help="folder of ISNet's unpacked npm package")
    parser.add_argument("--isnet-stress", action="store_true", help="ISNet on plates made worse, too: hours")
    parser.add_argument("--cache", type=Path, help="folder of ISNet's mattes; OUT/isnet if not given")
    parser.add_argument("--every", type=int, default=1, help="score every Nth image")
    parser.add_argument("--stress-every", type=int, default=4, help="the same for plates made worse")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--threads", type=int, help="CPU threads of every network; theirs to choose if not given"
    )
    parser.add_argument("--keep", action="store_true", help="leave finished runs as they are")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, check and score; 1 if a picture is not the one committed, or a run failed."""
    options = parse(arguments)
    sets, faults = options.sets or options.out / "sets", []
    options.out.mkdir(parents=True, exist_ok=True)
    runs: Sequence[Run] = RUNS if options.data or options.sets else SHOWN
    if options.only:
        wanted = options.only.split(",")
        if unknown := set(wanted) - {run.name for run in runs}:
            print(f"no such run: {', '.join(sorted(unknown))}; there are {', '.join(r.name for r in runs)}")
            return 2
        runs = [run for run in runs if run.name in wanted]
    names = sorted({run.set for run in runs})
    if options.data:
        sets.mkdir(parents=True, exist_ok=True)
        solved: dict[Light, Path] = {
            "linear": options.solved or options.out / "london",
            "encoded": options.solved_encoded or options.out / "london-encoded",
        }
        make_missing(options.data, sets, solved, names)
    if runs[0] in SHOWN:
        shown.main(["--output", str(sets / "shown")])
    else:
        faults = make_sets.check(make_sets.hash_sets(sets, names), make_sets.read_hashes(), names)
        print("\n".join(faults) or "every picture is the one committed", flush=True)
    if not options.model:
        import flyaway

        options.model = list(flyaway.list_models())
    failed = [run for run in runs if not score(run, sets, options)]
    done = [run for run in runs if run not in failed]
    notes = (
        [f"{len(faults)} pictures are not the ones committed: {', '.join(faults[:5])}\n"] if faults else []
    )
    text = "\n".join([*notes, *tables(done, options.out)])
    (options.out / "tables.md").write_text(text, encoding="utf-8")
    print(f"wrote {options.out / 'tables.md'}")
    return 1 if faults or failed else 0


def score(run: Run, sets: Path, options: argparse.Namespace) -> bool:
    """Do one run; tells whether its table is there."""
    table = options.out / run.name / run.table
    if options.keep and table.is_file():
        return True
    call = command(run, sets, options)
    print("flyaway", shlex.join(call), flush=True)
    # A table of an earlier run must not stand for one that fails.
    table.unlink(missing_ok=True)
    finished = subprocess.run([sys.executable, "-m", "flyaway", *call], check=False)  # noqa: S603
    return finished.returncode == 0 and table.is_file()


if __name__ == "__main__":
    sys.exit(main())
