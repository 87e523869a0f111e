"""The review page in a real browser, headless Chromium: it works from one file, with no network at all."""

from __future__ import annotations

import os
import shutil
import subprocess

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.review.shapes import H, W, disc

from flyaway.batch import load_job
from flyaway.color import linear_to_srgb, srgb_to_linear
from flyaway.frames import read_plate, write_matte
from flyaway.frames.patterns import FrameJob
from flyaway.review import ReviewOptions, make_review
from flyaway.review.job import review_job

HOSTILE = "</script><img src=x onerror=document.body.dataset.owned=1>"
COLOUR = (0.8, 0.4, 0.1)


def browser_path() -> str:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    path = browser_path()
    with playwright.sync_playwright() as driver:
        # Its own sandbox needs privileges that containers do not give; the page is ours.
        opened = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def job(tmp_path_factory, write_plate):
    """Nine frames: one without a matte, one whose matte is empty, names that attack the page."""
    folder = tmp_path_factory.mktemp("review")
    pairs = []
    for number in range(1, 10):
        pixels = np.broadcast_to(np.float32(COLOUR), (H, W, 3))
        plate = write_plate(folder / f"plate & <b>.{number}.exr", np.ascontiguousarray(pixels))
        matte = folder / f"m.{number}.exr"
        if number != 5:
            write_matte(matte, disc(60) * (number != 7), read_plate(plate), provenance={"model": "fast"})
        pairs.append(FrameJob(plate, matte, number))
    make_review(pairs, folder / "page.html", folder / "sheet.png", ReviewOptions(title=HOSTILE))
    return folder


@pytest.fixture
def page(browser, job):
    """The page, open, offline; every request that is not of the file itself is an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text))
    opened.on(
        "request",
        lambda request: (
            None if request.url.startswith(("data:", "blob:", job.as_uri())) else problems.append(request.url)
        ),
    )
    opened.goto((job / "page.html").as_uri())
    ready(opened)
    yield opened
    assert problems == []
    context.close()


def ready(page) -> None:
    page.wait_for_selector("body[data-ready=yes]")


def pixel(page, x: float, y: float) -> list[int]:
    """The colour that the viewer shows at a place (0..1)."""
    return page.evaluate(
        "([x, y]) => { const c = document.getElementById('canvas');"
        " return [...c.getContext('2d').getImageData(x * c.width, y * c.height, 1, 1).data.slice(0, 3)] }",
        [x, y],
    )


def codes(linear) -> np.ndarray:
    return np.rint(linear_to_srgb(np.float32(linear)) * 255)


def test_the_worst_frames_come_first_and_faults_are_listed(page):
    labels = page.locator("#list strong").all_inner_texts()
    assert labels[:2] == ["5", "7"]
    assert len(labels) == 9
    assert page.locator("#faults tr").count() == 2
    assert "the matte is missing" in page.locator("#faults").inner_text()
    assert page.locator("#faulty").inner_text() == "2"


def test_names_that_attack_the_page_are_shown_as_names(page):
    assert page.locator("#title").inner_text() == HOSTILE
    assert page.evaluate("document.body.dataset.owned") is None
    assert "plate & <b>.7.exr" in page.locator("#caption").inner_text()


def test_the_wipe_shows_plate_comp_and_matte(page):
    page.locator("#list [data-place='1']").click()
    ready(page)
    person, green = codes(COLOUR), srgb_to_linear(np.float32([0, 177, 64]) / 255)
    np.testing.assert_allclose(pixel(page, 0.1, 0.5), person, atol=4)
    np.testing.assert_allclose(pixel(page, 0.4, 0.1), codes(green), atol=2)
    np.testing.assert_allclose(pixel(page, 0.5, 0.5), person, atol=4)
    assert pixel(page, 0.9, 0.1) == [0, 0, 0]
    # Drag the right handle to the left one: where the comp was, the matte is.
    handle, stage = page.locator("#right").bounding_box(), page.locator("#stage").bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + 40)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 0.34, stage["y"] + 40, steps=4)
    page.mouse.up()
    assert pixel(page, 0.5, 0.5) == [255, 255, 255]
    # And by keys: a screen reader's user has the same wipe.
    before = int(page.locator("#left").get_attribute("aria-valuenow"))
    page.locator("#left").focus()
    page.keyboard.press("ArrowLeft")
    assert int(page.locator("#left").get_attribute("aria-valuenow")) == before - 1


@pytest.mark.parametrize(
    ("ground", "shown"), [("white", 255), ("black", 0), ("grey", 0x77), ("green", None), ("checker", None)]
)
def test_the_comp_is_mixed_in_linear_light_over_any_background(page, ground, shown):
    page.locator("#list [data-place='1']").click()
    ready(page)
    page.keyboard.press("3")
    page.locator(f"[data-ground={ground}]").click()
    if shown is not None:
        np.testing.assert_allclose(pixel(page, 0.02, 0.02), [shown] * 3, atol=1)
        # A pixel on the soft edge: between both in light, not in code values.
        rows, columns = np.nonzero((disc(60) > 0.3) & (disc(60) < 0.7))
        y, x = int(rows[0]), int(columns[0])
        cover = np.rint(disc(60)[y, x] * 255) / 255
        light = np.float32(COLOUR) * cover + srgb_to_linear(np.float32(shown / 255)) * (1 - cover)
        np.testing.assert_allclose(pixel(page, (x + 0.5) / W, (y + 0.5) / H), codes(light), atol=5)
    np.testing.assert_allclose(pixel(page, 0.5, 0.5), codes(COLOUR), atol=4)


def test_a_frame_without_a_matte_says_so(page):
    page.locator("#list button").first.click()
    ready(page)
    assert "the matte is missing" in page.locator("#caption").inner_text()
    assert page.locator("#left").is_hidden()
    page.keyboard.press("4")
    assert "no matte" in page.locator("#nothing").inner_text()


def test_arrows_and_plots_go_from_frame_to_frame(page):
    page.locator("#list [data-place='1']").click()
    ready(page)
    page.keyboard.press("ArrowRight")
    ready(page)
    assert page.locator("#caption b").inner_text() == "3"
    plot = page.locator("#plot-coverage svg")
    plot.click(position={"x": plot.bounding_box()["width"] - 14, "y": 60})
    ready(page)
    assert page.locator("#caption b").inner_text() == "9"
    assert page.locator("#plot-coverage path").get_attribute("d").count("M") == 2  # the missing one is a gap


def test_zoom_keeps_the_wipe_where_it_is_and_never_leaves_the_picture(page):
    page.locator("#list [data-place='1']").click()
    ready(page)
    person, green = codes(COLOUR), codes(srgb_to_linear(np.float32([0, 177, 64]) / 255))
    page.keyboard.press("+")
    canvas = page.locator("#canvas")
    assert canvas.evaluate("c => [c.style.width, c.style.left, c.style.top]") == ["200%", "-50%", "-50%"]
    # The left handle stands at a third of the stage, which is now at 5/12 of the picture.
    np.testing.assert_allclose(pixel(page, 0.40, 0.05), person, atol=4)
    np.testing.assert_allclose(pixel(page, 0.43, 0.05), green, atol=2)
    stage = page.locator("#stage").bounding_box()
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + 20)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 3, stage["y"] + 20, steps=3)
    page.mouse.up()
    assert canvas.evaluate("c => c.style.left") == "0%"
    page.locator("[data-zoom='1']").click()
    assert canvas.evaluate("c => [c.style.width, c.style.left, c.style.top]") == ["100%", "0%", "0%"]
    # What is under the pointer stays there.
    canvas.dblclick(position={"x": 1, "y": 1})
    assert canvas.evaluate("c => c.style.width") == "400%"
    assert canvas.evaluate("c => Math.abs(parseFloat(c.style.left)) < 3")


def test_plots_have_round_numbers_and_tell_the_frame_under_the_pointer(page):
    plot = page.locator("#plot-coverage svg")
    labels = plot.locator("text[text-anchor=end]").all_text_contents()
    values = [float(label.removesuffix(" %")) for label in labels]
    steps = np.diff(values)
    assert 2 <= len(values) <= 5
    np.testing.assert_allclose(steps, steps[0], atol=1e-9)
    assert float(f"{steps[0]:e}".split("e")[0]) in (1, 2, 5)
    plot.scroll_into_view_if_needed()
    plot.hover(position={"x": plot.bounding_box()["width"] - 14, "y": 60})
    assert page.locator("#read-coverage").inner_text().startswith("9:")
    page.mouse.move(0, 0)
    assert page.locator("#read-coverage").inner_text() == ""


def moves_on(page) -> None:
    """Waits until another frame is shown than now."""
    from playwright.sync_api import expect

    shown = page.locator("#caption b")
    # Not `wait_for_function`: the page lets no text be run as a script, and Playwright 1.44 does that for it.
    expect(shown).not_to_have_text(shown.inner_text())


def test_the_space_bar_and_the_button_play_the_shot_and_any_step_stops_it(page):
    play = page.locator("#play")
    assert page.locator("#rate").input_value() == "24"
    page.locator("#rate").select_option("60")
    for start in (lambda: page.keyboard.press(" "), play.click):
        start()
        assert play.get_attribute("aria-pressed") == "true"
        for _ in range(10):  # round, past the frames without a matte or a person
            moves_on(page)
        start()
        assert play.get_attribute("aria-pressed") == "false"
    page.keyboard.press(" ")
    moves_on(page)
    page.locator("#list [data-place='1']").click()
    ready(page)
    assert play.get_attribute("aria-pressed") == "false"
    assert page.locator("#caption b").inner_text() == "2"
    assert page.locator("#list [data-place='1']").get_attribute("aria-current") == "true"
    # A button that was reached by the keyboard keeps its space bar.
    page.locator("#next").focus()
    page.keyboard.press(" ")
    ready(page)
    assert page.locator("#caption b").inner_text() == "3"
    assert play.get_attribute("aria-pressed") == "false"


def test_what_was_not_measured_is_said_and_never_green(browser, batch_job, tmp_path, monkeypatch):
    from flyaway.pictures import motion

    pairs = [FrameJob(batch_job / f"a.{n}.exr", batch_job / f"am.{n}.exr", n) for n in (1, 2)]
    opened = browser.new_page()
    for installed in (True, False):
        if installed:
            pytest.importorskip("cv2", reason="the shots extra is not installed")
        else:
            monkeypatch.setattr(motion, "opencv", lambda: None)
        make_review(pairs, tmp_path / "page.html")
        opened.goto((tmp_path / "page.html").as_uri())
        ready(opened)
        kind = "good" if installed else "unsure"
        assert opened.locator("#faulty-figure").get_attribute("class") == f"figure {kind}"
        assert opened.locator("#faults p").get_attribute("class") == kind
        assert opened.locator("#notes").is_visible() is not installed
        assert ("opencv-python-headless" in opened.locator("#notes").inner_text()) is not installed
    (one, *_) = review_job(load_job(batch_job / "job.toml"), tmp_path / "pages")
    assert not one.review.sure
    index = (tmp_path / "pages" / "index.html").read_text()
    assert '<div class="unsure">no fault found where the plate stands still</div><small>' in index
    assert 'class="good"' not in index
    opened.close()


def test_two_runs_stand_side_by_side_with_their_measures(browser, tmp_path, write_plate):
    pixels = np.ascontiguousarray(np.broadcast_to(np.float32(COLOUR), (H, W, 3)))
    runs: dict[str, list[FrameJob]] = {"new": [], "old": []}
    for number in (1, 2, 3):
        plate = write_plate(tmp_path / f"p.{number}.exr", pixels)
        for run, jobs in runs.items():
            (tmp_path / run).mkdir(exist_ok=True)
            matte = tmp_path / run / f"m.{number}.exr"
            if (run, number) != ("old", 3):
                write_matte(matte, disc(60 if run == "new" else 40), read_plate(plate))
            jobs.append(FrameJob(plate, matte, number))
    review = make_review(runs["new"], tmp_path / "two.html", tmp_path / "two.png", against=runs["old"])
    assert review.faulty == []
    assert [frame.label for frame in review.against.faulty] == ["3"]
    assert review.worst[0] == 2
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto((tmp_path / "two.html").as_uri())
    ready(opened)
    assert opened.locator("#title").inner_text() == "new/m.1 | old/m.1"
    assert opened.locator("#faulty").inner_text() == "0 | 1"
    opened.locator("#list [data-place='0']").click()
    ready(opened)
    opened.keyboard.press("4")
    second = "document.getElementById('canvas-b').getContext('2d').getImageData(24, 45, 1, 1).data[0]"
    other = "document.getElementById('canvas-b').getContext('2d').getImageData(79, 45, 1, 1).data[0]"
    assert pixel(opened, 0.65, 0.5) == [255] * 3  # of A, whose disc lies further right
    assert opened.evaluate(other) == 0
    assert opened.evaluate(second) > 0
    rows = opened.locator("#caption tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows[1:]] == ["A", "B"]
    assert f"{100 * disc(60).mean():.2f}" in rows[1]
    opened.locator("#list [data-place='2']").click()
    ready(opened)
    assert "no matte" in opened.locator("#nothing-b").inner_text()
    assert opened.locator("#nothing").is_hidden()
    assert opened.locator("#faults tr").all_inner_texts()[0].startswith("B: 3\tthe matte is missing")
    assert opened.locator("#plot-coverage path[stroke-dasharray]").count() == 1
    assert problems == []
    opened.close()


def test_the_contact_sheet_is_a_picture(job):
    source = oiio.ImageInput.open(str(job / "sheet.png"))
    spec, pixels = source.spec(), source.read_image(0, 0, 0, 3, oiio.UINT8)
    source.close()
    assert spec.width > 1500  # two columns of three pictures
    assert spec.height > 2000  # of eight rows
    assert len(np.unique(pixels[..., 1])) > 50


def test_the_command_against_another_run(cli, job):
    for number in range(1, 10):
        shutil.copy(job / f"plate & <b>.{number}.exr", job / f"q.{number}.exr")
        shutil.copy(job / "m.1.exr", job / f"other.{number}.exr")
    command = [*cli, "review", "q.#.exr", "other.#.exr", "--against", "m.#.exr", "-o", "two.html", "--strict"]
    done = subprocess.run(command, cwd=job, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # A has no fault
    assert "B 5: the matte is missing" in done.stdout
    assert "A other.#.exr: 9 frames, no fault found" in done.stdout
    assert "B m.#.exr: 9 frames, 2 with faults" in done.stdout


def test_the_command(cli, job):
    for number in range(1, 10):
        shutil.copy(job / f"plate & <b>.{number}.exr", job / f"p.{number}.exr")
    command = [*cli, "review", "p.#.exr", "m.#.exr", "-o", "again.html", "--shown", "4", "--strict"]
    command += ["--side", "64"]
    done = subprocess.run(
        command, cwd=job, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "5: the matte is missing" in done.stdout
    assert (job / "again.html").is_file()
    assert (job / "again.png").is_file()
    assert '"width":64,"height":48' in (job / "again.html").read_text()
    assert (job / "again.html").read_text().count("data:image/png") < (job / "page.html").read_text().count(
        "data:image/png"
    )


@pytest.fixture(scope="module")
def batch_job(tmp_path_factory, write_plate):
    """Two shots of two frames, of which one lacks a matte; a name that attacks the page."""
    folder = tmp_path_factory.mktemp("review job")
    pixels = np.ascontiguousarray(np.broadcast_to(np.float32(COLOUR), (H, W, 3)))
    for shot, frames in (("a", (1, 2)), ("b", (1,))):
        for number in (1, 2):
            plate = write_plate(folder / f"{shot}.{number}.exr", pixels)
            if number in frames:
                target = folder / f"{shot}m.{number}.exr"
                write_matte(target, disc(60), read_plate(plate), provenance={"model": "fast"})
    text = ""
    for shot, name in (("a", "sh 010"), ("b", "<img src=x onerror=alert(1)>")):
        text += f'[[shots]]\nname = "{name}"\nsource = "{shot}.#.exr"\noutputs = ["{shot}m.#.exr"]\n'
    (folder / "job.toml").write_text(text)
    return folder


def test_a_job_has_a_page_a_shot_and_one_that_leads_to_them(cli, batch_job, browser):
    command = [*cli, "review", "job.toml", "-o", "pages", "--strict"]
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=batch_job, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "2: the matte is missing" in done.stdout
    pages = batch_job / "pages"
    assert sorted(path.name for path in pages.iterdir()) == [
        "_img_src_x_onerror_alert_1__.html",
        "_img_src_x_onerror_alert_1__.png",
        "index.html",
        "sh_010.html",
        "sh_010.png",
    ]
    context = browser.new_context(viewport={"width": 1000, "height": 500}, offline=True)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text))
    opened.goto((pages / "index.html").as_uri())
    rows = opened.locator("tr").all_inner_texts()
    assert len(rows) == 3
    assert "<img src=x onerror=alert(1)>" in rows[1]
    assert "2: the matte is missing" in rows[1]
    assert "no fault found" in rows[2]
    assert opened.evaluate("[...document.images].map(image => image.naturalWidth > 0)") == [True, True]
    opened.get_by_role("link", name="sh 010").click()
    ready(opened)
    assert opened.locator("#title").inner_text() == "job: sh 010"
    assert problems == []
    context.close()


def test_two_jobs_are_compared_shot_by_shot_and_what_has_no_partner_is_told(cli, batch_job, write_plate):
    for number in (1, 2):
        target = batch_job / f"old.{number}.exr"
        write_matte(target, disc(50), read_plate(batch_job / f"a.{number}.exr"), provenance={"model": "fast"})
        write_plate(batch_job / f"c.{number}.exr", np.full((H, W, 3), 0.5, np.float32))
    mine = (batch_job / "job.toml").read_text()
    (batch_job / "new.toml").write_text(
        f'{mine}[[shots]]\nname = "other"\nsource = "a.#.exr"\noutputs = ["am2.#.exr"]\n'
    )
    shots = [("sh 010", "a", "old", "1"), ("gone", "c", "c_m", "1-2"), ("other", "c", "o_m", "1-2")]
    theirs = [
        f'name = "{name}"\nsource = "{plate}.#.exr"\noutputs = ["{matte}.#.exr"]\nframes = "{frames}"'
        for name, plate, matte, frames in shots
    ]
    (batch_job / "old.toml").write_text("".join(f"[[shots]]\n{one}\n" for one in theirs))
    command = [*cli, "review", "new.toml", "--against", "old.toml", "-o", "compared", "--strict"]
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=batch_job, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 2, done.stderr  # A lacks mattes
    lines = done.stdout.splitlines()
    assert "sh 010 A: Only here, not asked for in old: frames 2." in lines
    assert "other: its plates in old are others: not compared." in lines
    assert "<img src=x onerror=alert(1)>: old has no shot of this name: not compared." in lines
    assert "gone: only in old.toml, not looked at" in lines
    (both,) = (line for line in lines if "sh_010.html" in line)
    assert both.startswith("compared/sh_010.html: A 2 frames, no fault found")
    assert " | B 2 frames, no fault found" in both  # its matte is there, though its job does not ask for it
    index = (batch_job / "compared" / "index.html").read_text("utf-8")
    assert "<h1>A new, B old<small>" in index
    assert "Only in old, and not looked at: gone" in index
    assert '">A 0</div><div class="' in index
    assert '">B 0</div></td>' in index
    page = (batch_job / "compared" / "sh_010.html").read_text("utf-8")
    assert "Only here, not asked for in old: frames 2." in page


def test_a_shot_has_a_picture_though_its_worst_frame_cannot_be_shown(tmp_path, write_plate):
    pixels = np.ascontiguousarray(np.broadcast_to(np.float32(COLOUR), (H, W, 3)))
    for number in (1, 2, 3):
        plate = write_plate(tmp_path / f"p.{number}.exr", pixels)
        write_matte(tmp_path / f"m.{number}.exr", disc(60), read_plate(plate), provenance={"model": "fast"})
    (tmp_path / "p.2.exr").write_bytes(b"no picture")
    shot = '[[shots]]\nname = "a"\nsource = "p.#.exr"\noutputs = ["m.#.exr"]\n'
    (tmp_path / "job.toml").write_text(shot)
    (one,) = review_job(load_job(tmp_path / "job.toml"), tmp_path / "pages")
    assert one.review.frames[one.review.worst[0]].label == "2"
    assert one.thumb.startswith("data:image/")


@pytest.mark.parametrize(
    "words",
    [
        ["p.#.exr"],
        ["job.toml", "--sheet", "s.png"],
        ["job.toml", "--against", "am.#.exr"],
        ["a.#.exr", "am.#.exr", "--shot", "x"],
    ],
)
def test_a_review_of_what_is_no_job_says_so(cli, batch_job, words):
    done = subprocess.run(
        [*cli, "review", *words], cwd=batch_job, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
