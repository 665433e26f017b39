"""The Chinese README says the same as the English one."""

import re

from docs.code_blocks import ROOT, blocks


def test_both_have_the_same_blocks() -> None:
    """Commands, programs and output are equal to the letter."""
    english, chinese = ([b.code for b in blocks() if b.page == page] for page in ("README.md", "README.zh-CN.md"))
    assert english == chinese


def test_both_have_the_same_outline() -> None:
    """As many headings of each level, table rows and list items, in the same order, and the same variables."""
    english, chinese = (
        _outline((ROOT / name).read_text(encoding="utf-8")) for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese


def _outline(text: str) -> list[str]:
    marks = re.findall(r"^(#+ |\| |- |```)|(`[A-Z][A-Z_]+`)|\]\(([^)]+)\)", text, re.MULTILINE)
    return ["".join(mark) for mark in marks if "README" not in "".join(mark)]
