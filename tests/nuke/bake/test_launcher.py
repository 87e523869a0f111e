"""Our program is found where the user said, nowhere else, and what is missing is said with its remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flyaway_nuke.bake.diagnosis import diagnose
from flyaway_nuke.bake.errors import BakeError, LauncherError
from flyaway_nuke.bake.launcher import clean_environment, find_cli, install_commands
from flyaway_nuke.bake.preferences import preferences_path, read_preferences, write_preference


def program(folder: Path, text: str = "#!/bin/sh\nexit 3\n", name: str = "flyaway") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path):
    """An environment in which there is no flyaway at all."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "FLYAWAY_NUKE_PREFERENCES": str(tmp_path / "preferences.json"),
    }


def test_the_order_is_variable_preference_path_usual_place(bare, tmp_path):
    with pytest.raises(LauncherError, match="FLYAWAY_CLI is not set, no preference"):
        find_cli(bare)
    usual = program(tmp_path / ".flyaway" / "env" / "bin")
    assert find_cli(bare).command == (str(usual),)
    on_path = program(tmp_path / "on path")
    bare["PATH"] = f"{on_path.parent}{os.pathsep}{bare['PATH']}"
    assert find_cli(bare).command == (str(on_path),)
    preferred = program(tmp_path / "preferred" / "bin")
    write_preference("cli", str(preferred.parents[1]), bare)
    assert find_cli(bare).command == (str(preferred),)
    named = program(tmp_path / "named")
    bare["FLYAWAY_CLI"] = str(named)
    assert find_cli(bare).command == (str(named),)
    assert find_cli(bare).found_by == "FLYAWAY_CLI"


def test_what_is_named_and_not_there_is_an_error_not_a_reason_to_look_on(bare, tmp_path):
    program(tmp_path / ".flyaway" / "env" / "bin")
    bare["FLYAWAY_CLI"] = str(tmp_path / "gone" / "flyaway")
    with pytest.raises(LauncherError, match=r"FLYAWAY_CLI names .*gone.*not there"):
        find_cli(bare)
    (tmp_path / "empty").mkdir()
    bare["FLYAWAY_CLI"] = str(tmp_path / "empty")
    with pytest.raises(LauncherError, match="holds no flyaway environment"):
        find_cli(bare)


@pytest.mark.parametrize("by", ["FLYAWAY_CLI", "the preference in "])
def test_a_quote_without_its_partner_is_named_with_its_remedy(bare, tmp_path, by):
    folder = tmp_path / "it's mine"
    setting = str(folder / "flyaway")
    if by == "FLYAWAY_CLI":
        bare[by] = setting
    else:
        write_preference("cli", setting, bare)
    with pytest.raises(LauncherError, match=rf"^{by}.* names .*it's mine.* is no file.*in double quotes"):
        find_cli(bare)
    # Both remedies help: a file of that name, and quotes.
    named = program(folder)
    assert find_cli(bare).command == (str(named),)
    bare["FLYAWAY_CLI"] = f'"{named}" --debug'
    assert find_cli(bare).command == (str(named), "--debug")


def test_a_python_and_a_command_line_may_be_named(bare, tmp_path):
    bare["FLYAWAY_CLI"] = sys.executable
    assert find_cli(bare).command[1:] == ("-m", "flyaway")
    odd = program(tmp_path / "with space")
    bare["FLYAWAY_CLI"] = f'"{odd}" --debug'
    assert find_cli(bare).command == (str(odd), "--debug")


def test_the_hosts_own_python_and_libraries_stay_at_home(tmp_path):
    host = {
        "PYTHONHOME": "/nuke/python",
        "PYTHONPATH": "/nuke/plugins",
        "QT_PLUGIN_PATH": "/nuke/qt",
        "LD_LIBRARY_PATH": os.pathsep.join(["/nuke/lib", "/usr/local/cuda/lib64", "/nukes/lib"]),
        "DYLD_LIBRARY_PATH": "/nuke",
        "OCIO": "/show/config.ocio",
        "PATH": "/usr/bin",
    }
    kept = clean_environment(host, "/nuke")
    assert not {"PYTHONHOME", "PYTHONPATH", "QT_PLUGIN_PATH", "DYLD_LIBRARY_PATH"} & set(kept)
    assert kept["LD_LIBRARY_PATH"] == os.pathsep.join(["/usr/local/cuda/lib64", "/nukes/lib"])
    assert kept["OCIO"] == "/show/config.ocio"
    # A Python that is started with it runs, whatever the host had set.
    broken = {**os.environ, "PYTHONHOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", "1"], env=broken, capture_output=True).returncode != 0
    mended = clean_environment(broken)
    assert subprocess.run([sys.executable, "-c", "1"], env=mended, capture_output=True).returncode == 0


def test_the_real_program_is_ready(environ):
    found = diagnose(environ)
    assert found.ready, found.text()
    assert [check.name for check in found.checks] == ["Program", "Version", "Weights", "Device"]
    assert "fast" in found.models
    assert "cpu" in found.devices
    assert found.text().count("ok ") == 4


def test_nothing_there_says_how_to_get_it(bare):
    found = diagnose(bare)
    assert not found.ready
    assert [check.state for check in found.checks] == ["bad", "open", "open", "open"]
    assert install_commands(bare) in found.checks[0].remedy
    assert "MISSING Program" in found.text()


def report(**changes: object) -> str:
    healthy = {
        "packages": {"flyaway": "0.1.0", "python": "3.11"},
        "weights": {"fast": ""},
        "devices": [{"engine": "onnxruntime", "device": "cpu", "problem": ""}],
    }
    return json.dumps({**healthy, **changes})


@pytest.mark.parametrize(
    ("script", "check", "words", "remedy"),
    [
        ("echo 'Traceback: No module named numpy' >&2; exit 1", "Version", "No module named numpy", "doctor"),
        ("echo '[1,2]'", "Version", "does not report itself", "upgrade"),
        (f"echo '{report(packages={'flyaway': '0.0.9'})}'", "Version", "needs 0.1 or newer", "upgrade"),
        (f"echo '{report(weights={'fast': 'truncated'})}'", "Weights", "fast: truncated", "force-reinstall"),
        (f"echo '{report(weights={})}'", "Weights", "none are installed", "force-reinstall"),
        (
            f"echo '{report(devices=[{'engine': 'onnxruntime', 'problem': 'both installed'}])}'",
            "Device",
            "onnxruntime: both installed",
            "never both",
        ),
    ],
)
def test_each_fault_is_named_with_its_remedy(bare, tmp_path, script, check, words, remedy):
    bare["FLYAWAY_CLI"] = str(program(tmp_path / "broken", f"#!/bin/sh\n{script}\n"))
    found = diagnose(bare)
    bad = [each for each in found.checks if each.state == "bad"]
    assert [each.name for each in bad] == [check]
    assert words in bad[0].text
    assert remedy in bad[0].remedy


def test_a_program_that_hangs_does_not_hang_the_wizard(bare, tmp_path):
    bare["FLYAWAY_CLI"] = str(program(tmp_path / "slow", "#!/bin/sh\nexec sleep 600\n"))
    assert "said nothing for" in diagnose(bare, timeout=0.2).text()


def test_preferences_keep_what_they_do_not_know_and_name_a_broken_file(bare):
    preferences_path(bare).write_text('{"studio": 1}')
    write_preference("device", "cuda", bare)
    assert json.loads(preferences_path(bare).read_text()) == {"studio": 1, "device": "cuda"}
    assert read_preferences(bare)["device"] == "cuda"
    preferences_path(bare).write_text("{")
    with pytest.raises(BakeError, match=r"preferences\.json is damaged"):
        read_preferences(bare)
    with pytest.raises(BakeError, match="no preference 'colour'"):
        write_preference("colour", "", bare)
