"""Write docs/headers.md: the table of header fields, as core/flyaway/frames/fields.py has it.

python docs/make_headers.py
"""

from __future__ import annotations

from pathlib import Path

from flyaway.frames.fields import as_markdown

PAGE = Path(__file__).with_name("headers.md")
START, END = "<!-- made by docs/make_headers.py -->\n", "<!-- to here -->\n"


def page() -> str:
    """The page with the table as the code has it now."""
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    return f"{before}{START}\n{as_markdown()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
