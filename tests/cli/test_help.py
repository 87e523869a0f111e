"""Help that helps: -h everywhere, examples that are true, options in groups, no words of the library's."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from flyaway.cli.app import app, run
from flyaway.cli.help import DEVELOPERS, EXAMPLES, Command


def commands():
    """(words, command) of every command there is."""
    found = []

    def walk(words, command):
        found.append((words, command))
        for name, inner in getattr(command, "commands", {}).items():
            walk([*words, name], inner)

    walk([], typer.main.get_command(app))
    return found


EVERY = [" ".join(words) for words, _ in commands()]


@pytest.mark.parametrize("words", EVERY)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_explains_itself(words, flag, capsys):
    assert run([*words.split(), flag]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Usage: flyaway")
    assert not re.search(r"range>|RANGE|<int|<float|list\[", printed)
    assert max(map(len, printed.splitlines())) <= 100


def test_every_command_has_an_example_and_each_example_is_understood():
    known = dict(commands_by_name())
    assert set(EXAMPLES) <= set(known)
    top = {words[0] for words, _ in commands() if len(words) == 1}
    assert top <= set(EXAMPLES)
    for lines in EXAMPLES.values():
        for line in lines:
            program, *arguments = shlex.split(line)
            assert program == "flyaway"
            command, context = typer.main.get_command(app), None
            # Parsed as when it is run, but not run.
            while hasattr(command, "commands") and arguments and arguments[0] in command.commands:
                command = command.commands[arguments.pop(0)]
            context = command.make_context(line, arguments)
            assert context is not None


def commands_by_name():
    return [(words[-1], command) for words, command in commands() if words]


def test_the_artists_commands_come_first(capsys):
    assert run(["-h"]) == 0
    printed = capsys.readouterr().out
    artists, developers = printed.split("For developers:")
    assert all(f"\n  {name} " in developers for name in DEVELOPERS)
    assert artists.index("\n  matte ") < artists.index("\n  batch ") < artists.index("\n  farm ")


@pytest.mark.parametrize("name", ["matte", "batch"])
def test_options_of_the_long_commands_stand_in_groups(name, capsys):
    command = dict(commands_by_name())[name]
    assert isinstance(command, Command)
    assert run([name, "-h"]) == 0
    printed = capsys.readouterr().out
    other = printed.partition("Other options:")[2].partition("Example")[0]
    assert re.findall(r"--[\w-]+", other) == ["--help"]


def test_completion_is_written_for_shells(start):
    done = start(environment={"_FLYAWAY_COMPLETE": "source_bash", "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0
    assert "_flyaway_completion" in done.stdout


def test_a_shells_star_that_was_expanded_gets_a_hint(tmp_path, capsys):
    assert run(["matte", "p.0001.exr", "p.0002.exr", "-o", str(tmp_path)]) == 1
    assert "A sequence is one pattern in quotes: 'plate.####.exr'" in capsys.readouterr().err


def test_a_value_that_is_none_of_the_choices_is_refused_in_plain_words(capsys):
    assert run(["matte", "p.png", "-o", "m.png", "--alpha-in", "bogus"]) == 1
    printed = capsys.readouterr().err
    assert "'bogus' is not one of" in printed
    assert "Value error" not in printed
