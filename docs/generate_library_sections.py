"""Writes what each library emits into the pages of the libraries, between their marks `emitted: …` and `end`.

python docs/generate_library_sections.py
"""

import re
from pathlib import Path

from emitted_by_library import LIBRARIES, Library
from markdown_tables import attribute_table, code, metric_table, table

DOCS = Path(__file__).parent
_SECTION = re.compile(r"(<!-- emitted: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """Return a page's text with its sections as the code makes them.

    Raises:
        KeyError: A section names no library.
    """
    return _SECTION.sub(lambda found: f"{found[1]}{section(LIBRARIES[found[2]])}{found[3]}", page)


def section(library: Library) -> str:
    """Return what stands between the marks."""
    spans = table(("span", "when"), ((code(names), when) for one in library.spans for names, when in one.rows))
    attributes = "".join(
        f"\n### Attributes of {one.kind.of}\n\n{attribute_table(one.attributes())}" for one in library.spans
    )
    return f"\n### Spans\n\n{spans}{attributes}\n### Metrics\n\n{metric_table(library.metrics)}\n"


def main() -> None:
    """Write all pages."""
    for library in LIBRARIES.values():
        page = DOCS / library.page
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
