"""The corpus of bad inputs: each is read or refused as it should be, alone and in a run over all of them."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from tests.frames import bad_inputs
from tests.frames.bad_cases import EITHER, READ, REFUSED
from tests.frames.bad_inputs import TABLE

from flyaway.frames.movie import is_movie


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The folder, its cases, and what became of each."""
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'flyaway[movie]'")
    folder = tmp_path_factory.mktemp("corpus")
    found = [case for _, case in bad_inputs.build(folder)]
    return folder, found, bad_inputs.read_all([folder / case.name for case in found])


def test_there_are_enough(corpus):
    _, found, results = corpus
    assert len(found) == len(results) >= 60
    assert len({case.name for case in found}) == len(found)


def test_each_is_read_or_refused_as_it_should_be(corpus):
    folder, found, results = corpus
    wrong = [
        (case.name, case.expected, outcome, words)
        for case, (outcome, words, _) in zip(found, results, strict=True)
        if outcome not in case.expected
    ]
    assert wrong == []
    for case, (outcome, words, _) in zip(found, results, strict=True):
        if outcome == REFUSED:
            # The class may be BadPlateError, whose array has no path; all others name the file.
            assert str(folder / case.name) in words or "px is too small" in words


def test_the_page_says_what_is_so(corpus):
    _, found, results = corpus
    listed = dict(
        re.findall(r"^\| `(.*?)` \| .*? \| (read|refused) \|", TABLE.read_text("utf-8"), re.MULTILINE)
    )
    assert set(listed) == {bad_inputs.shown(case.name).replace("|", "\\|") for case in found}
    for case, (outcome, _, _) in zip(found, results, strict=True):
        if case.expected != EITHER:
            assert listed[bad_inputs.shown(case.name)] == outcome, case.name


def test_a_run_over_all_of_them_does_the_sound_ones_and_names_the_others(corpus, cli, tmp_path):
    folder, found, results = corpus
    out = tmp_path / "out"
    done = subprocess.run(
        [*cli, "matte", str(folder), "-o", str(out), "--coarse-only"],
        capture_output=True,
        timeout=580,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "500"},
        check=False,
    )
    errors = done.stderr.decode("utf-8", "surrogateescape")
    assert done.returncode == 2, errors
    assert "Traceback" not in errors
    assert "fault of flyaway" not in errors

    # A folder's photographs are its files with a photograph's name: no movies, links to nowhere, or pipes.
    planned = [
        result[0]
        for case, result in zip(found, results, strict=True)
        if (folder / case.name).is_file() and not is_movie(case.name)
    ]
    written = [path for path in out.iterdir() if path.is_file()]
    assert not [path for path in written if ".part" in path.name]
    assert len(written) == planned.count(READ)
    # Not "at the start of a line": libpng prints its own words and their line's end in two pieces, and our
    # line, from another thread, may come between them.
    assert errors.count(f"error: {folder}{os.sep}") == planned.count(REFUSED)
    # Nothing that a name says was done, and nothing reached the terminal as an escape.
    assert not (tmp_path / "owned").exists()
    assert b"\x1b" not in done.stdout + done.stderr
