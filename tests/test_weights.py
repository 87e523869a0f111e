"""The manifest is trusted with nothing, and a weight file is the released one or an error."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest

from flyaway import CorruptWeightsError, MissingPackageError, UnknownModelError, WeightsError, weights
from flyaway.earlier import EARLIER_PACKAGE, TORCH_PACKAGE
from flyaway.manifest import MAX_MANIFEST_BYTES
from flyaway.weights import check_model, earlier_models, list_models, model_info, verified

CONTENT = b"weights" * 1000


def entry(path: str = "tiny/coarse.onnx", card: str = "cards/tiny.md", **changes) -> dict:
    file = {"path": path, "sha256": hashlib.sha256(CONTENT).hexdigest(), "bytes": len(CONTENT), **changes}
    return {
        "title": "Tiny",
        "licence": "GPL-3.0-or-later",
        "card": card,
        "config": {},
        "files": {"coarse": file},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """models/weights with one file of one model, and its manifest."""
    root = tmp_path / "models" / "weights"
    (root / "tiny").mkdir(parents=True)
    (root / "tiny" / "coarse.onnx").write_bytes(CONTENT)
    write_manifest(root, {"format": 1, "models": {"tiny": entry()}})
    return root


def write_manifest(root: Path, manifest: object) -> None:
    (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_a_whole_file_is_handed_out(folder):
    info = model_info("tiny", folder)
    assert (info.name, info.licence) == ("tiny", "GPL-3.0-or-later")
    assert info.card == (folder.parent / "cards" / "tiny.md").resolve()
    assert verified(info.files["coarse"]).read_bytes() == CONTENT


def test_an_unknown_model_names_those_there_are(folder):
    with pytest.raises(UnknownModelError, match=r"no model 'huge'; there is tiny"):
        model_info("huge", folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT[:-1], "truncated"),
        (CONTENT + b"x", "not the released file"),
        (b"W" + CONTENT[1:], "SHA-256"),
        (None, "cannot be read"),
    ],
)
def test_another_file_than_the_released_one_is_refused(folder, content, message):
    path = folder / "tiny" / "coarse.onnx"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(CorruptWeightsError, match=message):
        verified(model_info("tiny", folder).files["coarse"])


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../secret", "tiny/../../x", "", "tiny\\x", "a\0b", 7, None]
)
def test_a_path_out_of_the_folder_is_refused(folder, path):
    write_manifest(folder, {"format": 1, "models": {"tiny": entry(path=path)}})
    with pytest.raises(WeightsError, match="'tiny' cannot be used"):
        list_models(folder)


def test_a_card_out_of_the_models_folder_is_refused(folder):
    write_manifest(folder, {"format": 1, "models": {"tiny": entry(card="../README.md")}})
    with pytest.raises(WeightsError, match="leads out"):
        list_models(folder)


def test_a_symbolic_link_out_of_the_folder_is_refused(folder, tmp_path):
    (tmp_path / "outside").write_bytes(CONTENT)
    path = folder / "tiny" / "coarse.onnx"
    path.unlink()
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(WeightsError, match="leads out"):
        list_models(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "ab"},
        {"sha256": "G" * 64},
        {"bytes": 0},
        {"bytes": -1},
        {"bytes": True},
        {"bytes": 1 << 40},
    ],
)
def test_nonsense_about_a_file_is_refused(folder, changes):
    write_manifest(folder, {"format": 1, "models": {"tiny": entry(**changes)}})
    with pytest.raises(WeightsError, match="'tiny' cannot be used"):
        list_models(folder)


@pytest.mark.parametrize(
    "manifest",
    [[], 3, {}, {"format": 2, "models": {}}, {"format": 1}, {"format": 1, "models": []},
     {"format": 1, "models": {"tiny": 3}}, {"format": 1, "models": {"tiny": {"title": "t"}}}],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(folder, manifest):
    write_manifest(folder, manifest)
    with pytest.raises(WeightsError):
        list_models(folder)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b" " * (MAX_MANIFEST_BYTES + 1) + b"{}"]
)
def test_bytes_that_are_no_json_are_refused(folder, data):
    (folder / "manifest.json").write_bytes(data)
    with pytest.raises(WeightsError):
        list_models(folder)


def test_no_manifest_names_the_remedy(tmp_path):
    with pytest.raises(WeightsError, match="reinstall"):
        list_models(tmp_path)


def test_released_weights_are_whole_and_have_a_card():
    models = list_models()
    assert models
    for info in models.values():
        assert {"coarse", "tokens", "refine", "torch"} <= set(info.files)
        assert all(verified(file).is_file() for file in info.files.values())
        assert info.licence in info.card.read_text(encoding="utf-8")


def test_the_default_model_is_under_thirty_megabytes():
    files = model_info("fast").files
    assert sum(file.bytes for role, file in files.items() if role != "torch") < 30_000_000


def release_manifest(root: Path, **earlier) -> None:
    """`tiny` at version 5, and its earlier entries."""
    write_manifest(root, {"format": 1, "models": {"tiny": entry() | {"version": 5}}, "earlier": earlier})


def test_a_model_without_a_version_is_the_first(folder):
    assert model_info("tiny", folder).version == 1
    assert model_info("tiny@1", folder) == model_info("tiny", folder)
    assert earlier_models(folder) == {}


def test_weights_that_came_before_can_be_asked_for(folder):
    (folder / "tiny@4").mkdir()
    (folder / "tiny@4" / "coarse.onnx").write_bytes(CONTENT)
    release_manifest(
        folder, **{"tiny@4": entry("tiny@4/coarse.onnx") | {"version": 4}, "tiny@1": entry() | {"version": 1}}
    )
    assert list(list_models(folder)) == ["tiny"]
    assert list(earlier_models(folder)) == ["tiny@4", "tiny@1"]
    assert model_info("tiny", folder).version == 5
    assert model_info("tiny@5", folder) == model_info("tiny", folder)
    before = model_info("tiny@4", folder)
    assert (before.name, before.version, before.versioned_name) == ("tiny", 4, "tiny@4")
    assert verified(before.files["coarse"]).parent.name == "tiny@4"
    # An earlier version may share files with the current one.
    assert model_info("tiny@1", folder).files == model_info("tiny", folder).files


@pytest.mark.parametrize("name", ["tiny@3", "tiny@", "tiny@05", "tiny@5@5", "tiny@latest", "tiny@-1"])
def test_an_unknown_version_names_those_there_are(folder, name):
    release_manifest(folder, **{"tiny@4": entry() | {"version": 4}})
    with pytest.raises(UnknownModelError, match=r"of 'tiny' there is tiny@5, tiny@4\."):
        model_info(name, folder)
    with pytest.raises(UnknownModelError, match=r"no model 'huge@1'; there is tiny\."):
        model_info("huge@1", folder)


@pytest.mark.parametrize("version", [0, -1, True, 1.0, "4", None, 10**7])
def test_what_is_no_version_is_refused(folder, version):
    write_manifest(folder, {"format": 1, "models": {"tiny": entry() | {"version": version}}})
    with pytest.raises(WeightsError, match="'tiny' cannot be used"):
        list_models(folder)


@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("tiny", {"version": 4}),
        ("tiny@", {"version": 4}),
        ("tiny@04", {"version": 4}),
        ("tiny@four", {"version": 4}),
        ("tiny@3", {"version": 4}),
        ("tiny@4", {}),  # the first, by what it says of itself
        ("tiny@5", {"version": 5}),  # the current one's
        ("tiny@6", {"version": 6}),
        ("tiny@4", {"version": 4, "card": "../README.md"}),
        ("tiny@4", {"version": 4, "files": {"coarse": {"path": "../x", "sha256": "0" * 64, "bytes": 1}}}),
        ("tiny@4", {"version": 4, "files": {"coarse": {"path": "x", "sha256": "0", "bytes": 1}}}),
        ("tiny@4", {"version": 4, "files": {"coarse": {"path": "x", "sha256": "0" * 64, "bytes": 0}}}),
    ],
)
def test_nonsense_about_earlier_weights_is_refused(folder, key, changes):
    release_manifest(folder, **{key: entry() | changes})
    with pytest.raises(WeightsError, match=key):
        earlier_models(folder)


@pytest.mark.parametrize("earlier", [[], 3, None, {"tiny@4": 3}])
def test_what_is_no_table_of_earlier_weights_is_refused(folder, earlier):
    write_manifest(folder, {"format": 1, "models": {"tiny": entry() | {"version": 5}}, "earlier": earlier})
    with pytest.raises(WeightsError, match=r"earlier|tiny@4"):
        model_info("tiny", folder)


def test_a_name_cannot_look_like_a_version(folder):
    write_manifest(folder, {"format": 1, "models": {"tiny@1": entry()}})
    with pytest.raises(WeightsError, match="parts name and version"):
        list_models(folder)


def test_released_earlier_weights_are_whole():
    for key, info in earlier_models().items():
        assert key == info.versioned_name
        assert all(verified(file).is_file() for file in info.files.values())


@pytest.fixture
def apart(folder, tmp_path, monkeypatch) -> Path:
    """`tiny@4/coarse.onnx` in the package of earlier weights, where `tiny` itself is not."""
    release_manifest(folder, **{"tiny@4": entry("tiny@4/coarse.onnx") | {"version": 4}})
    monkeypatch.setattr(weights, "weights_folder", lambda: folder)
    place = tmp_path / "site" / EARLIER_PACKAGE
    (place / "tiny@4").mkdir(parents=True)
    (place / "__init__.py").write_text("raise AssertionError('it is not imported')")
    (place / "tiny@4" / "coarse.onnx").write_bytes(CONTENT)
    # Before any that is installed.
    monkeypatch.syspath_prepend(place.parent)
    return place


def test_earlier_weights_are_found_in_their_package(apart, folder):
    before = model_info("tiny@4")
    assert before.installed
    assert verified(before.files["coarse"]) == (apart / "tiny@4" / "coarse.onnx").resolve()
    check_model("tiny@4")
    # Those of a checkout lie beside the current ones, and come first.
    (folder / "tiny@4").mkdir()
    (folder / "tiny@4" / "coarse.onnx").write_bytes(CONTENT)
    assert verified(model_info("tiny@4").files["coarse"]).is_relative_to(folder.resolve())


def test_a_folder_that_is_named_is_taken_alone(apart, folder):
    with pytest.raises(CorruptWeightsError, match="cannot be read"):
        verified(model_info("tiny@4", folder).files["coarse"])


@pytest.mark.parametrize("content", [CONTENT[:-1], b"W" + CONTENT[1:]])
def test_a_package_of_other_bytes_is_refused(apart, content):
    (apart / "tiny@4" / "coarse.onnx").write_bytes(content)
    with pytest.raises(CorruptWeightsError, match=f"{EARLIER_PACKAGE}-{weights.__version__}-py3"):
        verified(model_info("tiny@4").files["coarse"])


def test_a_package_of_another_release_says_so(apart):
    (apart / "tiny@4" / "coarse.onnx").unlink()
    for ask in (check_model, lambda name: verified(model_info(name).files["coarse"])):
        with pytest.raises(
            CorruptWeightsError, match=r"has no tiny@4/coarse.onnx: it is not of the same rel"
        ):
            ask("tiny@4")
    assert not earlier_models()["tiny@4"].installed


def test_without_the_package_its_weights_are_listed_and_what_has_them_is_named(apart, monkeypatch):
    monkeypatch.setattr(weights, "earlier_folder", lambda package: None)
    assert not earlier_models()["tiny@4"].installed
    assert model_info("tiny").installed
    for ask in (check_model, lambda name: verified(model_info(name).files["coarse"])):
        with pytest.raises(MissingPackageError, match=rf"{EARLIER_PACKAGE}-.*flyaway\[earlier\]"):
            ask("tiny@4")
    check_model("tiny")


def test_the_package_stays_inside_its_folder_and_has_no_current_weights(apart, folder, tmp_path):
    (apart / "tiny").mkdir()
    (folder / "tiny" / "coarse.onnx").rename(apart / "tiny" / "coarse.onnx")
    with pytest.raises(CorruptWeightsError, match="cannot be read"):
        verified(model_info("tiny").files["coarse"])
    path = apart / "tiny@4" / "coarse.onnx"
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    with pytest.raises(WeightsError, match="leads out"):
        model_info("tiny@4")


def test_torch_s_copy_of_earlier_weights_is_asked_for_by_the_torch_engine_alone(apart, folder, monkeypatch):
    both = entry("tiny@4/coarse.onnx") | {"version": 4}
    copy = entry("tiny@4/tiny.fp16.safetensors")["files"]["coarse"]
    both["files"] = both["files"] | {"torch": copy}
    release_manifest(folder, **{"tiny@4": both})
    with monkeypatch.context() as patch:  # one that is installed is not there
        patch.setattr(weights, "earlier_folder", {EARLIER_PACKAGE: apart}.get)
        before = model_info("tiny@4")
        assert before.installed
        check_model("tiny@4")
        for ask in (lambda: check_model("tiny@4", torch=True), lambda: verified(before.files["torch"])):
            with pytest.raises(MissingPackageError, match=rf"{TORCH_PACKAGE}-.*flyaway\[earlier-torch\]"):
                ask()
    place = apart.parent / TORCH_PACKAGE / "tiny@4"
    place.mkdir(parents=True)
    (place.parent / "__init__.py").write_text("raise AssertionError('it is not imported')")
    (place / "tiny.fp16.safetensors").write_bytes(CONTENT)
    check_model("tiny@4", torch=True)
    assert verified(model_info("tiny@4").files["torch"]) == (place / "tiny.fp16.safetensors").resolve()


def test_a_model_can_be_pickled_hashed_and_its_configuration_written_as_json(folder):
    for info in (model_info("tiny", folder), *list_models().values()):
        again = pickle.loads(pickle.dumps(info))  # noqa: S301 - our own
        assert again == info
        assert len({again, info}) == 1
        assert json.loads(json.dumps(info.config)) == info.config
