"""shots.csv: what spreadsheets make of a table, what a column means, and what is told of idle ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flyaway import JobError
from flyaway.batch import Target, load_job
from flyaway.batch import job as job_module
from flyaway.cli.app import run as flyaway

ROW = "sh1,p.####.exr,out/m.####.exr"


def load(tmp_path: Path, text: str, *outputs: str):
    (tmp_path / "shots.csv").write_bytes(text.encode())
    return load_job(tmp_path / "shots.csv", tuple(Target(one) for one in outputs))


@pytest.mark.parametrize(
    "head",
    [
        "name,source,path\n",
        "Shot,Source,OUTPUT\n",
        "name,source,outputs\n",
        "\n\n name , source,path\n",
        "sep=,\r\nname,source,path\r\n",
        '"sep=,"\nname,source,path\n',
        "# the night's shots; two of them\n,,\nname,source,path\n",
        "name,source,path\r",
    ],
)
def test_what_a_spreadsheet_writes_is_read(tmp_path, head):
    (shot,) = load(tmp_path, f"{head}{ROW}\n\n,,\n").shots
    assert (shot.name, shot.source) == ("sh1", f"{tmp_path}/p.####.exr")
    assert [out.path for out in shot.outputs] == [f"{tmp_path}/out/m.####.exr"]


def test_excels_separator_is_the_one_it_names(tmp_path):
    job = load(tmp_path, "sep=;\nname;source;path\ns1;p.####.exr;m.####.exr\n")
    assert [shot.name for shot in job.shots] == ["s1"]


def test_commas_within_a_columns_name_part_nothing(tmp_path):
    job = load(tmp_path, "name\tsource\tpath\tnote, if any, or, so, on\ns1\tp.####.exr\tm.####.exr\tx\n")
    assert [shot.name for shot in job.shots] == ["s1"]


def test_empty_columns_without_a_name_are_none_and_full_ones_are_told(tmp_path):
    assert len(load(tmp_path, f"name,source,path,,\n{ROW},,\n").shots) == 1
    with pytest.raises(JobError, match="line 2: 'x' stands in a column without a name"):
        load(tmp_path, f"name,source,path,,\n{ROW},x,\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{ROW}\nsh2,q.####.exr,n.####.exr\n", r"line 1: no column is called name or source"),
        ("name,path\nsh1,m.####.exr\n", r"line 1: no column is called source"),
        (f"name,source,path,gamma\n\n\n\n{ROW},abc\n", r"line 5: gamma is a number"),
        (f'name,source,path,gamma\n"sh\n0",p.####.exr,m.exr,1\n{ROW},abc\n', r"line 4: gamma is a number"),
        (
            f"name,source,path\n# tonight\n{ROW}\n",
            r"line 2: another number of columns \(1\) than",
        ),
        (f"name,source,path,thread\n{ROW},2\n", r"'thread' means nothing .*threads\?"),
        (f"name,source,path,token\n{ROW},2\n", r"'token' means nothing .*leave it out"),
        (
            f"name,source,path,device\n{ROW},cuda\nsh2,p.####.exr,n.exr,\n",
            r"line 3: device is '', and 'cuda'",
        ),
        (f"name,source,path,engine\n{ROW},onx\n", "engine is one of"),
        (f"name,source,path,threads\n{ROW},0\n", "threads is a number from 1"),
        (f"name,source,path,Path\n{ROW},m.exr\n", "two columns say path"),
    ],
)
def test_what_means_nothing_is_told_where_it_stands(tmp_path, text, message):
    with pytest.raises(JobError, match=message):
        load(tmp_path, text)


def test_how_the_models_are_run_may_be_a_column(tmp_path):
    """They were dropped in silence, and a night ran on another device than its spreadsheet named."""
    job = load(tmp_path, f"name,source,path,engine,threads,Device\n{ROW},torch,2,cuda\n")
    assert job.loading == {"device": "cuda", "engine": "torch", "threads": 2}


def test_a_column_that_nobody_uses_is_told_once_and_a_used_one_is_not(shot, tmp_path, capsys, monkeypatch):
    source = shot(1)
    text = f"name,source,path,over write,show,artist,quality\na,{source},o/{{show}}/a.####.exr,yes,x,,1\n"
    job = load(tmp_path, text + f"b,{source},o/{{show}}/b.####.exr,no,x,,\n")
    (note,) = job.notes
    assert note.endswith("no settings and no path names them: the columns 'over write', 'quality'")
    monkeypatch.setattr(job_module, "check_model", lambda name, torch: None)
    assert flyaway(["batch", str(tmp_path / "shots.csv"), "--dry-run"]) == 0
    assert capsys.readouterr().err.count("the columns 'over write', 'quality'") == 1
    # A path of the command line names columns, too.
    job = load(tmp_path, f"name,source,frame\na,{source},x\n", "o/{frame}/m.####.exr")
    assert job.notes == ()


def test_a_column_that_a_path_names_in_its_own_case_is_a_token(tmp_path):
    (shot,) = load(tmp_path, "name,source,path,Part\na,p.####.exr,o/{Part}/m.####.exr,beauty\n").shots
    assert (shot.part, shot.tokens) == (None, {"Part": "beauty"})


def test_how_models_are_run_is_a_token_where_a_path_names_it(tmp_path):
    (shot,) = load(tmp_path, "name,source,path,engine\na,a.####.exr,{engine}/m.####.exr,unreal\n").shots
    assert shot.tokens["engine"] == "unreal"


def test_a_line_break_in_a_cell_stays_there(tmp_path):
    (shot,) = load(tmp_path, 'name,source,path\n"s\n1",p.####.exr,m\u2028\x0c.####.exr\n').shots
    assert shot.name == "s\n1"
    assert shot.outputs[0].path.endswith("m\u2028\x0c.####.exr")


@pytest.mark.parametrize("name", ["job.toml", "shots.csv"])
def test_a_home_folder_is_one_and_no_folder_called_tilde(tmp_path, monkeypatch, name):
    monkeypatch.setenv("HOME", "/home/jo")
    (tmp_path / "job.toml").write_text(
        '[[shots]]\nname = "a"\nsource = "~/p.####.exr"\noutputs = ["~/o/m.####.exr"]\n'
    )
    (tmp_path / "shots.csv").write_text("name,source,path\na,~/p.####.exr,~/o/m.####.exr\n")
    (shot,) = load_job(tmp_path / name).shots
    assert (shot.source, shot.outputs[0].path) == ("/home/jo/p.####.exr", "/home/jo/o/m.####.exr")


@pytest.mark.parametrize(("default", "own", "grow"), [("grow", "choke", -1), ("choke", "grow", 1)])
def test_a_shot_that_says_grow_or_choke_has_said_both(tmp_path, default, own, grow):
    (tmp_path / "job.toml").write_text(
        f'[defaults]\n{default} = 2\n[[shots]]\nname = "a"\n{own} = 1\n'
        'source = "p.####.exr"\noutputs = ["m.####.exr"]\n'
    )
    (shot,) = load_job(tmp_path / "job.toml").shots
    assert shot.finish.controls.grow == grow


def test_a_background_may_be_named_by_tokens(shot, tmp_path, write_plate, monkeypatch):
    monkeypatch.setattr(job_module, "check_model", lambda name, torch: None)
    (tmp_path / "bg").mkdir()
    write_plate(tmp_path / "bg" / "a.exr", np.zeros((32, 32, 3), np.float32))
    (tmp_path / "job.toml").write_text(
        f'[[shots]]\nname = "a"\nsource = "{shot(1)}"\n'
        '[[shots.outputs]]\npath = "c.####.exr"\nkind = "comp"\nover = "bg/{shot}.exr"\n'
    )
    ((_, plan),) = job_module.plan_job(load_job(tmp_path / "job.toml"))
    assert plan.writes[0].over == f"{tmp_path}/bg/a.exr"
