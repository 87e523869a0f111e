"""Where bakes go: one place, however it was written down and wherever Nuke was started."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def root_for(host, environ, tmp_path, monkeypatch):
    """`root_for(preference, script)` in a Nuke that was started in the test's folder."""
    from pathlib import Path

    from flyaway_nuke.bake.host import bakes_root

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOW", str(tmp_path / "show"))
    monkeypatch.delenv("SHOT", raising=False)

    def root(preference: str = "", script: str = "", setting: str = ""):
        Path(environ["FLYAWAY_NUKE_PREFERENCES"]).write_text(json.dumps({"cache": preference}))
        host.state.root["name"].setValue(script)
        return bakes_root(setting)

    return root


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("~/bakes", "bakes"),
        ("$SHOW/bakes", "show/bakes"),
        ("${SHOW}/bakes", "show/bakes"),
        ("bakes", "bakes"),
        ("50%_done", "50%_done"),
    ],
)
def test_a_home_a_variable_and_a_relative_name_are_one_place(root_for, tmp_path, text, place):
    assert root_for(text) == tmp_path / place
    assert root_for(setting=text) == tmp_path / place


def test_a_script_that_was_opened_by_a_relative_name_has_its_bakes_beside_it(root_for, tmp_path):
    assert root_for(script="shot.nk") == tmp_path / "flyaway"
    assert root_for(script="sh010/shot.nk") == tmp_path / "sh010" / "flyaway"


@pytest.mark.parametrize("text", ["$SHOT/bakes", "${SHOT}/bakes"])
def test_a_variable_that_is_not_set_is_named(root_for, text):
    from flyaway_nuke.bake.errors import BakeError

    with pytest.raises(BakeError, match=r"The preference cache is .*, and SHOT is not set: set it before"):
        root_for(text)
    with pytest.raises(BakeError, match="The node's bakes folder is"):
        root_for(setting=text)
