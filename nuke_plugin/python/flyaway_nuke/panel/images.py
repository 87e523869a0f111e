"""Previews and thumbnails: read by Qt from the small PNGs that our program writes, a few at a time.

A preview is the plate with its matte as straight alpha; every view is made of that one picture by Qt
itself. No pixel passes through Python.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from .qt import QtCore, QtGui

_KEPT = 400
# A panel must stay quick while hundreds of frames come in.
_AT_ONCE = 4
_MOST_PIXELS = 4096 * 4096


class Images(QtCore.QObject):
    """Small pictures by path and height, newest kept; what is not there yet comes a little later."""

    arrived = QtCore.Signal()

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._kept: OrderedDict[tuple[str, int, int], QtGui.QPixmap] = OrderedDict()
        self._wanted: OrderedDict[tuple[str, int, int], None] = OrderedDict()
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._load_some)

    def thumbnail(self, path: Path, height: int) -> QtGui.QPixmap | None:
        """The picture, this high; None while it is being read, or is not there."""
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            return None
        key = (str(path), stamp, height)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return None if found.isNull() else found
        self._wanted[key] = None
        self._wanted.move_to_end(key)
        self._timer.start()
        return None

    def _load_some(self) -> None:
        for _ in range(min(_AT_ONCE, len(self._wanted))):
            # The last wanted is what is looked at now.
            key, _nothing = self._wanted.popitem(last=True)
            self._kept[key] = QtGui.QPixmap.fromImage(read(Path(key[0]), key[2]))
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        if not self._wanted:
            self._timer.stop()
        self.arrived.emit()


def read(path: Path, height: int = 0) -> QtGui.QImage:
    """A preview as it is on disk, or made this high; a null image if it cannot be read."""
    reader = QtGui.QImageReader(str(path))
    size = reader.size()
    if not size.isValid() or size.width() * size.height() > _MOST_PIXELS:
        return QtGui.QImage()
    image = reader.read()
    if image.isNull():
        return image
    if 0 < height < size.height():
        image = image.scaledToHeight(height, QtCore.Qt.SmoothTransformation)
    return image.convertToFormat(QtGui.QImage.Format_ARGB32)


def plate_of(preview: QtGui.QImage) -> QtGui.QImage:
    """The plate alone: the colour, as if it were opaque."""
    return preview.convertToFormat(QtGui.QImage.Format_RGB32)


def matte_of(preview: QtGui.QImage) -> QtGui.QImage:
    """The matte alone, in grey."""
    alpha = preview.convertToFormat(QtGui.QImage.Format_Alpha8)
    # The same bytes, now meaning brightness.
    if not alpha.reinterpretAsFormat(QtGui.QImage.Format_Grayscale8):
        return QtGui.QImage()
    return alpha
