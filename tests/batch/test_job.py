"""Jobs: what is refused before it is begun, what one shot's trouble means for the others, what it costs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.batch.conftest import Luma
from tests.ocio import STUDIO_CONFIG

from flyaway import BusyError, JobError
from flyaway.batch import ExitCode, Job, RunOptions, Shot, Target, load_job, plan_job, plan_shot, run_job
from flyaway.batch import job as job_module
from flyaway.batch.cost import cost_of
from flyaway.cli.app import run as flyaway
from flyaway.errors import CorruptWeightsError
from flyaway.frames import WriteOptions


@pytest.fixture
def models(monkeypatch):
    """Any model's name is one; which of them can be loaded is the test's own affair."""
    monkeypatch.setattr(job_module, "check_model", lambda name, torch: None)


def night(source: str, out: Path, *names: str) -> Job:
    shots = tuple(Shot(name, source, (Target(str(out / name / "m.####.exr")),), model=name) for name in names)
    return Job("night", shots)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(CorruptWeightsError("broken.onnx is not what was released"), 2), (MemoryError(), 33)],
)
def test_a_model_that_cannot_be_loaded_costs_its_own_shots_alone(shot, tmp_path, models, trouble, code):
    def load(name, device, engine):
        if name == "broken":
            raise trouble
        return Luma(name)

    job = night(shot(2), tmp_path / "out", "first", "broken", "last")
    report = run_job(job, load=load)
    assert [one.name for one in report.reports] == ["first", "last"]
    assert report.exit_code == code
    document = json.loads(json.dumps(report.as_json()))
    assert document["written"] == 4
    assert document["refused"]["broken"]
    # Where it is the first there is, nothing was started, and that is another exit code.
    with pytest.raises(type(trouble)):
        run_job(night(shot(2), tmp_path / "out", "broken", "last"), load=load)


def test_a_shot_that_another_run_is_at_does_not_stop_the_others(shot, tmp_path, models):
    job = night(shot(2), tmp_path / "out", "a", "b")
    reports = []

    class Meanwhile(Luma):
        def __call__(self, plate, **more):
            if self.info.name == "a" and self.calls == 0:
                reports.append(run_job(job, load=lambda name, **_: Luma(name)))
            return super().__call__(plate)

    assert run_job(job, load=lambda name, **_: Meanwhile(name)).exit_code is ExitCode.OK
    (report,) = reports
    assert isinstance(report.refused["a"], BusyError)
    assert report.exit_code is ExitCode.BUSY
    assert report.as_json()["written"] == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("plates/p.####.exr", "a plate of a"),
        ("out/a/../a/m.####.exr", "would overwrite a's"),
        ("out//a/./m.####.exr", "would overwrite a's"),
        ("linked/a/m.####.exr", "would overwrite a's"),
    ],
)
def test_shots_that_would_overwrite_each_other_however_it_is_spelled(shot, tmp_path, target, message):
    (tmp_path / "out").mkdir()
    (tmp_path / "linked").symlink_to("out")
    first = Shot("a", shot(2), (Target(str(tmp_path / "out/a/m.####.exr")),))
    second = Shot("b", shot(2, folder="others"), (Target(f"{tmp_path}/{target}"),))
    with pytest.raises(JobError, match=message):
        plan_job(Job("night", (first, second)))
    with pytest.raises(JobError, match="would overwrite"):
        plan_job(Job("night", (second, first)))


def test_a_hole_in_a_sequence_is_told_wherever_the_sequence_is(shot, luma, tmp_path, capsys, monkeypatch):
    shot(6)
    for frame in (1003, 1004):
        (tmp_path / "plates" / f"p.{frame}.exr").unlink()
    job = tmp_path / "job.toml"
    job.write_text('[[shots]]\nname = "a"\nsource = "plates/p.####.exr"\noutputs = ["out/m.####.exr"]\n')
    assert flyaway(["batch", str(job), "--dry-run"]) == 0
    assert "NO PLATES FOR 1003-1004" in capsys.readouterr().out
    monkeypatch.setattr(job_module.matting_module, "load", lambda *_, **__: luma)
    report = tmp_path / "report.json"
    assert flyaway(["batch", str(job), "--report", str(report)]) == 0
    assert "a: no plates for frames 1003-1004" in capsys.readouterr().out
    assert json.loads(report.read_text())["shots"][0]["gaps"] == "1003-1004"
    # Of a range that somebody asked for they are failures, by name.
    assert flyaway(["batch", str(job), "--frames", "1001-1006", "--report", str(report)]) == 2
    document = json.loads(report.read_text())["shots"][0]
    assert (document["gaps"], [failure["frame"] for failure in document["failures"]]) == ("", [1003, 1004])


def test_a_configuration_beside_the_job_file_is_found_from_anywhere(shot, tmp_path, monkeypatch):
    source = shot(1)
    (tmp_path / "show").mkdir()
    (tmp_path / "show" / "house.ocio").write_text(STUDIO_CONFIG.format(working="half_light"))
    text = f'[[shots]]\nname = "a"\nsource = "{source}"\noutputs = ["m.####.exr"]\nocio = "house.ocio"\n'
    (tmp_path / "show" / "job.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    ((found, _),) = plan_job(load_job("show/job.toml"))
    assert found.ocio == "show/house.ocio"
    (tmp_path / "show" / "job.toml").write_text(text.replace("house.ocio", "studio"))
    assert load_job("show/job.toml").shots[0].ocio == "studio"


def test_two_outputs_of_a_shot_that_are_one_file_however_it_is_spelled(shot, tmp_path):
    """Left to the claims on their journals, the run told of itself as of another run at work."""
    (tmp_path / "linked").symlink_to(tmp_path / "out", target_is_directory=True)
    (tmp_path / "out").mkdir()
    for other in ("out/../out", "linked"):
        targets = tuple(Target(str(tmp_path / folder / "m.####.exr")) for folder in ("out", other))
        with pytest.raises(JobError, match="two outputs would be written to"):
            plan_shot("a", shot(2), targets)


@pytest.mark.parametrize("second", ["m.%d.exr", "../out/m.#.exr"])
def test_two_outputs_of_a_shot_that_meet_on_a_later_frame(shot, luma, tmp_path, second):
    """The first frame's files differ; from 1000 on they are one, and the second output replaced the first."""
    source = shot(2)
    for frame, new in ((1001, "0999"), (1002, "1000")):
        (tmp_path / "plates" / f"p.{frame}.exr").rename(tmp_path / "plates" / f"p.{new}.exr")
    out = tmp_path / "out"
    out.mkdir()
    targets = [Target(str(out / "m.####.exr")), Target(f"{out}/{second}", WriteOptions("rgba"))]
    with pytest.raises(JobError, match=r"two outputs would be written to .*m\.1000\.exr in frame 1000"):
        plan_shot("a", source, targets)
    plan_shot("a", source, targets, "999")


def test_frames_come_in_order_however_they_are_named(shot, tmp_path):
    """A shot that is seen backwards remembers nothing; its mattes were taken for the shot's afterwards."""
    source, target = shot(4), Target(str(tmp_path / "m.####.exr"))
    first = plan_shot("a", source, [target]).tasks[0].frame
    backwards = plan_shot("a", source, [target], f"{first + 3}-{first + 1},{first}")
    assert [task.frame for task in backwards.tasks] == [first + n for n in range(4)]


@pytest.mark.parametrize("entry", ['device = "gpu"', 'engine = "onx"'])
def test_a_device_or_engine_that_there_is_none_of_is_told_when_the_job_is_read(tmp_path, entry):
    shot = '[[shots]]\nname = "a"\nsource = "p.####.exr"\n[[shots.outputs]]\npath = "m.####.exr"\n'
    (tmp_path / "job.toml").write_text(f"{entry}\n{shot}")
    with pytest.raises(JobError, match="is one of"):
        load_job(tmp_path / "job.toml")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("shot,source,output,frame", "'frame' means nothing"),
        ("shot,source,output,In-Space", "'In-Space' means nothing"),
        ("shot,source,output,output", "two columns say path"),
        ("shot,source,output,name", "two columns say name"),
    ],
)
def test_a_spreadsheets_typing_error_is_no_token(tmp_path, header, message):
    (tmp_path / "shots.csv").write_text(f"{header}\nsh1,plates/p.####.exr,out/m.####.exr,1001\n")
    with pytest.raises(JobError, match=message):
        load_job(tmp_path / "shots.csv")


def test_a_spreadsheets_other_columns_are_tokens_and_may_be_idle(tmp_path):
    (tmp_path / "shots.csv").write_text(
        "shot,source,output,frame,artist\nsh1,plates/p.####.exr,out/{frame}/m.####.exr,x,Jo\n"
    )
    (found,) = load_job(tmp_path / "shots.csv").shots
    assert found.tokens == {"frame": "x", "artist": "Jo"}


def test_the_cost_is_of_what_will_be_written(shot, tmp_path, write_plate):
    source = shot(3)
    frame = 32 * 32

    def out(*writes: WriteOptions, suffix: str = ".exr") -> int:
        targets = [Target(str(tmp_path / f"o{i}" / f"m.####{suffix}"), w) for i, w in enumerate(writes)]
        return cost_of(plan_shot("shot", source, targets)).bytes_out

    assert out(WriteOptions()) == 3 * frame * 2
    assert out(WriteOptions(depth="float")) == 3 * frame * 4
    assert out(WriteOptions("rgba")) == 3 * frame * 4 * 2
    assert out(WriteOptions("beside"), WriteOptions()) == 3 * frame * (3 * 2 + 2 + 2)
    assert out(WriteOptions(), suffix=".tif") == 3 * frame * 4  # a half plate's TIFF is float
    assert out(WriteOptions(depth="uint8"), suffix=".png") == 3 * frame
    folder = tmp_path / "photographs"
    folder.mkdir()
    for size in (16, 32):
        write_plate(folder / f"{size}.exr", np.full((size, size, 3), 0.5, np.float32))
    cost = cost_of(plan_shot("folder", folder, [Target(str(tmp_path / "of"))]))
    assert cost.bytes_out == (16 * 16 + 32 * 32) * 2


def test_what_is_known_costs_nothing(shot, luma, tmp_path):
    targets = [Target(str(tmp_path / "out" / "m.####.exr"))]
    what = plan_shot("shot", shot(3), targets)
    job_module.run_plan(luma, what, RunOptions(existing="resume"))
    (tmp_path / "out" / "m.1002.exr").unlink()
    cost = cost_of(what)
    assert (cost.known, cost.todo, cost.bytes_out) == (2, 1, 32 * 32 * 2)
    assert (cost.width, cost.height) == (32, 32)


def test_colour_of_outputs_is_said_in_job_files(tmp_path):
    (tmp_path / "back.exr").write_bytes(b"")
    (tmp_path / "job.toml").write_text(
        """
        [[shots]]
        name = "a"
        source = "p.####.exr"
        [[shots.outputs]]
        path = "comp.####.exr"
        kind = "comp"
        over = "back.exr"
        despill = "green"
        despill_strength = 0.5
        [[shots.outputs]]
        path = "white.####.png"
        kind = "comp"
        over = "#ffffff"
        edge_colour = "plate"
        """
    )
    first, second = (out.write for out in load_job(tmp_path / "job.toml").shots[0].outputs)
    assert first == WriteOptions("comp", despill="green", despill_strength=0.5, over=f"{tmp_path}/back.exr")
    assert second == WriteOptions("comp", edge_colour="plate", over="#ffffff")
    text = (tmp_path / "job.toml").read_text()
    for old, new in (('"green"', '"red"'), ("0.5", '"half"'), ('"plate"', '"sharp"')):
        (tmp_path / "bad.toml").write_text(text.replace(old, new))
        with pytest.raises(JobError):
            load_job(tmp_path / "bad.toml")
    (tmp_path / "shots.csv").write_text(
        "name,source,path,kind,despill,despill_strength\na,p.####.exr,o.####.exr,fg,blue,0.25\n"
    )
    assert load_job(tmp_path / "shots.csv").shots[0].outputs[0].write == WriteOptions(
        "fg", despill="blue", despill_strength=0.25
    )
