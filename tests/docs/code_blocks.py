"""Finds the code blocks of the documentation."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

# The stack in whose environment the blocks of a page are executed. All other pages: in the default stack.
STACK_OF_PAGE = {"docs/paddlenlp.md": "paddlenlp3", "docs/paddlex.md": "paddleocr"}
DEFAULT_STACK = "formers"
STACK = os.environ.get("TEST_STACK", "")
"""The one in whose environment this is."""

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRAM = re.compile(r"# (?P<name>\w+\.py)\n")


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        page: The page it is on, relative to the checkout.
        line: Line of its first code line.
        language: As written behind the fence.
        code: What is in it.
    """

    page: str
    line: int
    language: str
    code: str

    @property
    def name(self) -> str:
        """Page and line, for the test's id."""
        return f"{self.page}:{self.line}"

    @property
    def stack(self) -> str:
        """The stack in which it is executed."""
        return stack_of(self.page)

    @property
    def program(self) -> str | None:
        """Name of the file that a Python program says it is, in a comment on its first line."""
        found = _PROGRAM.match(self.code)
        return found["name"] if found and self.language == "python" else None


def stack_of(page: str) -> str:
    """Return the stack in which the blocks of a page are executed; the page relative to the checkout."""
    return STACK_OF_PAGE.get(page, DEFAULT_STACK)


def pages() -> list[Path]:
    """Return every page a user reads."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks() -> list[Block]:
    """Return all code blocks of all pages."""
    found: list[Block] = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start("code")) + 1
            found.append(Block(str(page.relative_to(ROOT)), line, match["language"], match["code"]))
    return found
