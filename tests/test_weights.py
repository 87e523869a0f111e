"""The manifest is trusted with nothing, and a weight file is the released one or an error."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from flyaway import CorruptWeightsError, UnknownModelError, WeightsError
from flyaway.weights import MAX_MANIFEST_BYTES, list_models, model_info, verified

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
    ("content", "said"),
    [
        (CONTENT[:-1], "truncated"),
        (CONTENT + b"x", "not the released file"),
        (b"W" + CONTENT[1:], "SHA-256"),
        (None, "cannot be read"),
    ],
)
def test_another_file_than_the_released_one_is_refused(folder, content, said):
    path = folder / "tiny" / "coarse.onnx"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(CorruptWeightsError, match=said):
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
