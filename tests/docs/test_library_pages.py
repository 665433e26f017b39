"""Each library has a page, and what it emits stands there as the code makes it."""

import re
from typing import Any

import pytest

from docs.generators import DOCS, generator
from paddle_otel.conventions import metrics

LIBRARIES: dict[str, Any] = generator("emitted_by_library").LIBRARIES
SPANS: Any = generator("emitted_spans")

# The newer names of metrics, which are written only on request: the page of everything has them.
_ON_REQUEST = {metric.name for metric in metrics.ALL if metric.name.startswith("gen_ai.client.inference.")}


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_page_is_the_one_the_code_makes(name: str) -> None:
    """``python docs/generate_library_sections.py`` would change nothing; the library's section is there once."""
    page = (DOCS / LIBRARIES[name].page).read_text(encoding="utf-8")
    assert re.findall(r"<!-- emitted: (\w+) -->", page) == [name]
    assert page == generator("generate_library_sections").filled(page)
    assert generator("generate_library_sections").section(LIBRARIES[name]) in page


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_page_is_in_the_index(name: str) -> None:
    """Of the documentation."""
    assert f"]({LIBRARIES[name].page})" in (DOCS / "README.md").read_text(encoding="utf-8")


def test_every_span_attribute_and_metric_comes_from_some_library() -> None:
    """What the page of everything lists, and no library's page does, nobody would know how to get."""
    listed = [(one.kind.of, name) for library in LIBRARIES.values() for one in library.spans for name in _names(one)]
    assert {(kind.of, name) for kind in SPANS.ALL for name, _, _ in kind.attributes} == set(listed)
    emitted = {metric.name for library in LIBRARIES.values() for metric in library.metrics}
    assert {metric.name for metric in metrics.ALL} - _ON_REQUEST == emitted


def test_what_a_library_does_not_emit_is_a_known_attribute() -> None:
    """An attribute that was renamed is not left out by mistake."""
    for library in LIBRARIES.values():
        for one in library.spans:
            known = {name for name, _, _ in one.kind.attributes}
            assert set(one.without) <= known
            assert {name for name, _ in one.meanings} <= known - set(one.without)


def _names(emitted: Any) -> list[str]:
    return [name for name, _, _ in emitted.attributes()]
