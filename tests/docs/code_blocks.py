"""Finds the code blocks of the documentation."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


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
