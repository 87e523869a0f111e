"""What the fake says to an artist, and asks: each takes the session's state first."""

from __future__ import annotations


def _recorder(name):
    def say(state, prompt) -> None:
        state.messages.append((name, prompt))

    return say


message, alert, warning, critical, debug, display_error = (
    _recorder(name) for name in ("message", "alert", "warning", "critical", "debug", "error")
)


def error(state, text) -> None:
    state.messages.append(("error", text))


def tprint(state, *args, sep=" ", end="\n", file=None) -> None:
    state.messages.append(("tprint", sep.join(str(arg) for arg in args)))


def ask(state, prompt) -> bool:
    state.messages.append(("ask", prompt))
    return bool(state.answer("ask"))


def askWithCancel(state, prompt) -> bool:
    state.messages.append(("askWithCancel", prompt))
    return bool(state.answer("askWithCancel"))


def getFilename(state, *args, **kwargs):
    return state.answer("getFilename")


def getInput(state, prompt, default=""):
    return state.answer("getInput")


def choice(state, title, prompt, options, default=0):
    return state.answer("choice")


def getFramesAndViews(state, *args, **kwargs):
    return state.answer("getFramesAndViews")
