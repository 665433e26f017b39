"""Looks whether the telemetry files hold what they should, and nothing that they should not."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from metric_series import Series
from requests_to_send import Exchange
from spans import Span

_WORDS_THAT_GIVE_AWAY: Final = 4
"""So many words of a text in a row are no coincidence."""


@dataclass(frozen=True)
class Check:
    """One statement about the telemetry, and whether it is true."""

    statement: str
    true: bool


def check_telemetry(spans: list[Span], series: list[Series], exchanges: list[Exchange], directory: Path) -> list[Check]:
    """Checks the telemetry against the requests that were sent and the answers of the service."""
    generations = [span for span in spans if "gen_ai.operation.name" in span.attributes]
    return [
        _a_generation_for_each(generations, exchanges),
        _token_counts_agree(generations, exchanges),
        _failures_are_marked(generations, exchanges),
        _generations_are_inside_requests(generations, spans),
        _metrics_count_tokens(series),
        _no_text(directory, exchanges),
    ]


def _a_generation_for_each(generations: list[Span], exchanges: list[Exchange]) -> Check:
    return Check(
        f"every one of the {len(exchanges)} requests has a generation span ({len(generations)} found)",
        len(generations) == len(exchanges),
    )


def _token_counts_agree(generations: list[Span], exchanges: list[Exchange]) -> Check:
    in_spans = Counter(
        (span.attributes.get("gen_ai.usage.input_tokens"), span.attributes.get("gen_ai.usage.output_tokens"))
        for span in generations
        if not span.failed
    )
    all_counted = all(isinstance(count, int) and count > 0 for counts in in_spans for count in counts)
    by_service = Counter(
        (exchange.input_tokens, exchange.output_tokens) for exchange in exchanges if exchange.input_tokens is not None
    )
    return Check(
        "successful generations have token counts, the same as the service itself returned where it did",
        all_counted and bool(by_service) and by_service <= in_spans,
    )


def _failures_are_marked(generations: list[Span], exchanges: list[Exchange]) -> Check:
    failed = [span for span in generations if span.failed and "error.type" in span.attributes]
    expected = sum(exchange.fails for exchange in exchanges)
    return Check(f"{expected} generation failed and says why ({len(failed)} found)", len(failed) == expected)


def _generations_are_inside_requests(generations: list[Span], spans: list[Span]) -> Check:
    parents = {span.span_id for span in spans}
    inside = all(span.parent_id in parents for span in generations)
    return Check("every generation span is inside the span of its HTTP request", bool(generations) and inside)


def _metrics_count_tokens(series: list[Series]) -> Check:
    usage = [one for one in series if one.name == "gen_ai.client.token.usage" and one.value > 0]
    kinds = {str(one.attributes.get("gen_ai.token.type")) for one in usage}
    return Check("the metrics count input and output tokens", kinds == {"input", "output"})


def _no_text(directory: Path, exchanges: list[Exchange]) -> Check:
    files = sorted(directory.glob("*.jsonl*"))
    telemetry = " | ".join(_words(text) for file in files for text in _texts_in(file))
    texts = [text for exchange in exchanges for text in (*exchange.prompts, *exchange.answers)]
    found = [part for text in texts for part in _parts(text) if f" {part} " in f" {telemetry} "]
    statement = f"no part of the {len(texts)} prompts and answers is in the {len(files)} telemetry files"
    return Check(f"{statement}, but {found[0]!r} is" if found else statement, bool(files) and not found)


def _texts_in(file: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8").splitlines():
        yield from _strings(json.loads(line))


def _strings(value: Any) -> Iterator[str]:
    """Every text inside a parsed JSON value, names as well as values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, Any]", value).items():
            yield key
            yield from _strings(item)


def _words(text: str) -> str:
    """The words of a text in small letters, so that quoting and white space make no difference."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _parts(text: str) -> Iterator[str]:
    words = _words(text).split()
    size = min(_WORDS_THAT_GIVE_AWAY, len(words))
    for start in range(len(words) - size + 1 if size else 0):
        yield " ".join(words[start : start + size])
