"""The fake itself: it must refuse what Nuke would refuse."""

from __future__ import annotations

import threading

import pytest


def test_unknown_names_raise(fake):
    with pytest.raises(AttributeError, match="makeNode"):
        fake.nuke.makeNode("Blur")
    with pytest.raises(AttributeError, match="setInputs"):
        fake.nuke.createNode("Blur").setInputs(0, None)
    with pytest.raises(NameError, match="sise"):
        fake.nuke.createNode("Blur")["sise"]
    with pytest.raises(RuntimeError, match="Unknown command"):
        fake.nuke.createNode("Blurr")


def test_calls_are_bound_to_their_declaration(fake):
    node = fake.nuke.createNode("Blur")
    with pytest.raises(TypeError, match="setXYpos"):
        node.setXYpos(1)
    with pytest.raises(TypeError, match="must be int"):
        node.setXYpos(1.5, 2)
    with pytest.raises(TypeError, match="must be str"):
        fake.nuke.message(3)
    with pytest.raises(TypeError, match="createNode"):
        fake.nuke.createNode("Blur", inPanel=False)


def test_declared_but_not_faked_says_so(fake):
    from fake_nuke import NotFakedError

    with pytest.raises(NotFakedError, match="zoomToFitSelected"):
        fake.nuke.zoomToFitSelected()
    with pytest.raises(NotFakedError, match="opHashes"):
        fake.nuke.createNode("Blur").opHashes()


def test_objects_take_no_attributes(fake):
    with pytest.raises(AttributeError, match="size"):
        fake.nuke.createNode("Blur").size = 3


def test_the_api_belongs_to_the_main_thread(fake):
    calls = []

    def work():
        try:
            fake.nuke.toNode("Blur1")
        except RuntimeError as error:
            calls.append(str(error))
        fake.nuke.executeInMainThread(calls.append, "later")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "main thread" in calls[0]
    assert len(calls) == 1
    fake.state.pump()
    assert calls[1] == "later"


def test_nodes_connect_and_survive_a_round_trip(fake, tmp_path):
    nuke = fake.nuke
    read = nuke.nodes.Read(file="plate.####.exr", first=3, last=9)
    blur = nuke.nodes.Blur(size=2.5, inputs=[read])
    merge = nuke.nodes.Merge2(inputs=[blur, read])
    assert merge.input(1) is read
    assert blur.firstFrame() == 3
    nuke.scriptSaveAs(str(tmp_path / "a.nk"))
    nuke.scriptOpen(str(tmp_path / "a.nk"))
    again = nuke.toNode("Merge21")
    assert again.input(0).Class() == "Blur"
    assert again.input(0)["size"].value() == 2.5
    assert again.input(1) is again.input(0).input(0)
