"""Each layout on tiny folders made here, and what is said of folders that have none."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("OpenImageIO")

from flyaway.errors import DatasetError
from flyaway.evaluation import layouts
from flyaway.pictures import files


def picture(path, value=100, shape=(6, 8, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full(shape, value, np.uint8)
    files.write(path, image)
    return path


def matte(path, value=51):
    return picture(path, value, (6, 8, 1))


def test_pairs_are_found_by_name_and_read_as_plate_and_coverage(tmp_path):
    picture(tmp_path / "b.png", 200)
    matte(tmp_path / "b.alpha.png")
    picture(tmp_path / "a.webp", 10)
    matte(tmp_path / "a.alpha.png", 255)
    found = layouts.open_set(tmp_path)
    assert found.layout == "pairs"
    assert [item.name for item in found.items] == ["a", "b"]
    item = found.items[1]
    assert item.load_plate().dtype == np.uint8
    assert (item.load_plate() == 200).all()
    assert item.load_alpha().dtype == np.float32
    assert item.load_alpha() == pytest.approx(np.full((6, 8), 0.2))
    assert item.load_trimap() is None


def test_a_trimap_beside_a_pair_is_taken(tmp_path):
    picture(tmp_path / "a.png")
    matte(tmp_path / "a.alpha.png")
    matte(tmp_path / "a.trimap.png", 128)
    (item,) = layouts.open_set(tmp_path, "pairs").items
    assert (item.load_trimap() == 128).all()


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".tif", ".exr"])
def test_plates_come_in_many_formats(tmp_path, suffix):
    picture(tmp_path / f"a{suffix}")
    matte(tmp_path / "a.alpha.png")
    (item,) = layouts.open_set(tmp_path).items
    assert item.load_plate().shape == (6, 8, 3)


def test_linear_exr_plates_arrive_encoded_as_srgb(tmp_path):
    picture(tmp_path / "a.exr", round(0.2 * 255))  # linear 0.2 → sRGB 0.4845
    matte(tmp_path / "a.alpha.png")
    (item,) = layouts.open_set(tmp_path).items
    assert item.load_plate()[0, 0, 0] == pytest.approx(0.4845 * 255, abs=1)


def test_grey_plates_have_three_channels(tmp_path):
    picture(tmp_path / "a.png", 90, (6, 8, 1))
    matte(tmp_path / "a.alpha.png")
    (item,) = layouts.open_set(tmp_path).items
    assert (item.load_plate() == 90).all()
    assert item.load_plate().shape == (6, 8, 3)


def test_pixels_behind_alpha_keep_their_colour(tmp_path):
    image = np.full((4, 4, 4), 200, np.uint8)
    image[..., 3] = 10
    files.write(tmp_path / "a.png", image)
    assert (files.read_eight_bit(tmp_path / "a.png") == 200).all()


@pytest.mark.parametrize(
    ("layout", "root", "plates"),
    [
        ("p3m-500-p", "validation/P3M-500-P", "blurred_image"),
        ("p3m-500-np", "validation/P3M-500-NP", "original_image"),
    ],
)
def test_p3m_is_found_from_its_root_its_validation_and_the_split_itself(tmp_path, layout, root, plates):
    split = tmp_path / "P3M-10k" / root
    picture(split / plates / "p_1.jpg")
    matte(split / "mask" / "p_1.png", 51)
    matte(split / "trimap" / "p_1.png", 128)
    for folder in (tmp_path / "P3M-10k", split.parent, split):
        for asked in (layout, "auto"):
            found = layouts.open_set(folder, asked)
            assert (found.layout, [item.name for item in found.items]) == (layout, ["p_1"])
    (item,) = found.items
    assert item.load_alpha()[0, 0] == pytest.approx(0.2)
    assert (item.load_trimap() == 128).all()


def test_the_root_of_p3m_must_be_told_which_split(tmp_path):
    for split, plates in (("P3M-500-P", "blurred_image"), ("P3M-500-NP", "original_image")):
        picture(tmp_path / "validation" / split / plates / "a.jpg")
        matte(tmp_path / "validation" / split / "mask" / "a.png")
    with pytest.raises(DatasetError, match="choose one with --layout"):
        layouts.open_set(tmp_path)
    assert len(layouts.open_set(tmp_path, "p3m-500-np").items) == 1


def test_ppm_100(tmp_path):
    picture(tmp_path / "image" / "1.jpg")
    picture(tmp_path / "matte" / "1.jpg", 255)
    found = layouts.open_set(tmp_path)
    assert found.layout == "ppm-100"
    assert (found.items[0].load_alpha() == 1).all()
    assert found.items[0].load_trimap() is None


def cutout(path):
    image = np.zeros((6, 8, 4), np.uint8)
    image[..., 0] = 200
    image[:, 4:, 3] = 255
    image[:, 3, 3] = 102  # 0.4
    path.parent.mkdir(exist_ok=True)
    files.write(path, image)


def test_photomatte85_is_composited_on_encoded_values_over_grey(tmp_path):
    cutout(tmp_path / "a.png")
    found = layouts.open_set(tmp_path)
    assert found.layout == "photomatte85"
    assert "grey" in found.notes[0]
    plate, alpha = found.items[0].load_plate(), found.items[0].load_alpha()
    assert alpha[0].tolist() == pytest.approx([0, 0, 0, 0.4, 1, 1, 1, 1])
    assert plate[0, 0].tolist() == [128, 128, 128]
    assert plate[0, 7].tolist() == [200, 0, 0]
    assert plate[0, 3].tolist() == [round(200 * 0.4 + 128 * 0.6), round(128 * 0.6), round(128 * 0.6)]


def test_photomatte85_takes_backgrounds_in_turn_and_covers_the_frame(tmp_path):
    for name in "abc":
        cutout(tmp_path / "set" / f"{name}.png")
    picture(tmp_path / "behind" / "0.png", 40, (3, 30, 3))
    picture(tmp_path / "behind" / "1.png", 80, (50, 9, 3))
    found = layouts.open_set(tmp_path / "set", "photomatte85", backgrounds=tmp_path / "behind")
    plates = [item.load_plate() for item in found.items]
    assert [plate[:, :3].mean() for plate in plates] == pytest.approx([40, 80, 40], abs=1)
    assert all(plate.shape == (6, 8, 3) for plate in plates)
    assert "2 backgrounds" in found.notes[0]


def test_what_was_looked_for_is_said(tmp_path):
    with pytest.raises(DatasetError, match="is no folder"):
        layouts.open_set(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"NAME\.alpha\.png .*blurred_image/ and mask/ .*photomatte85"):
        layouts.open_set(tmp_path)
    with pytest.raises(DatasetError, match=r"no layout 'p4m'; there are: auto, pairs, clips, p3m-500-p"):
        layouts.open_set(tmp_path, "p4m")
    with pytest.raises(DatasetError, match=r"NAME\.alpha\.png"):
        layouts.open_set(tmp_path, "pairs")
    with pytest.raises(DatasetError, match=r"blurred_image/ and mask/ in .*validation"):
        layouts.open_set(tmp_path, "p3m-500-p")
    with pytest.raises(DatasetError, match="image/ and matte/ in"):
        layouts.open_set(tmp_path, "ppm-100")
    with pytest.raises(DatasetError, match="has no PNG"):
        layouts.open_set(tmp_path, "photomatte85")


def test_plates_without_mattes_are_not_taken_for_cutouts(tmp_path):
    picture(tmp_path / "a.png")
    with pytest.raises(DatasetError, match=r"NAME\.alpha\.png"):
        layouts.open_set(tmp_path)
    (tmp_path / "a.png").write_bytes(b"not a PNG")
    with pytest.raises(DatasetError, match=r"NAME\.alpha\.png"):
        layouts.open_set(tmp_path)


def test_halves_of_pairs_are_errors(tmp_path):
    matte(tmp_path / "a.alpha.png")
    with pytest.raises(DatasetError, match=r"a\.alpha\.png has no plate: looked for a\.png"):
        layouts.open_set(tmp_path)
    picture(tmp_path / "a.png")
    picture(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match="have one name"):
        layouts.open_set(tmp_path)


def test_a_split_unpacked_in_part_is_an_error(tmp_path):
    picture(tmp_path / "image" / "1.jpg")
    (tmp_path / "matte").mkdir()
    with pytest.raises(DatasetError, match=r"1 plates have no matte .* the first is 1"):
        layouts.open_set(tmp_path)


def test_files_that_are_no_images_are_named_errors(tmp_path):
    (tmp_path / "a.png").write_bytes(b"not a PNG")
    matte(tmp_path / "a.alpha.png")
    (item,) = layouts.open_set(tmp_path).items
    with pytest.raises(DatasetError, match=r"a\.png cannot be read"):
        item.load_plate()
    picture(tmp_path / "set" / "a.png")
    (item,) = layouts.open_set(tmp_path / "set", "photomatte85").items
    with pytest.raises(DatasetError, match="four"):
        item.load_plate()


def test_backgrounds_are_only_for_cutouts(tmp_path):
    picture(tmp_path / "a.png")
    matte(tmp_path / "a.alpha.png")
    with pytest.raises(DatasetError, match="photomatte85"):
        layouts.open_set(tmp_path, backgrounds=tmp_path)
