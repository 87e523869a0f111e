"""Packages that are imported on demand."""

from __future__ import annotations

import json

import pytest

from flyaway import FlyawayError, MissingPackageError, NoEngineError
from flyaway.optional import require


def test_the_first_of_what_is_asked_for_comes_back():
    assert require("This test", "json", "os.path", install="nothing") is json


@pytest.mark.parametrize("error", [MissingPackageError, NoEngineError])
def test_what_is_missing_is_named_with_its_remedy(error):
    with pytest.raises(error, match=r"^Flow needs no_such_package: pip install it$") as caught:
        require("Flow", "json", "no_such_package", install="it", error=error)
    assert isinstance(caught.value, FlyawayError)
    assert isinstance(caught.value, ImportError)
