"""What is known about a generation before and after it runs, free of any library."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from opentelemetry.util.types import AttributeValue

_NO_ATTRIBUTES: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


class GenerationRequest(NamedTuple):
    """What is known before the call.

    Attributes:
        operation: ``chat`` or ``text_completion``.
        model: Name of the model, ``None`` when it is not known.
        stream: Whether the caller passed a streamer.
        single_sequence: Exactly one sequence is generated and none is searched for (no beams), so each decode step is
            one output token.
        sequences: How many sequences are to be returned, if known.
        attributes: More span attributes (``gen_ai.request.*``, ``paddle.*``), only those that are known.
        cache_bytes_per_token: Bytes of key-value cache that one more position of all rows takes, if known.
        prompt_columns: Positions of the (padded) prompt.
        full_search_steps: Steps of a search whose last step is seen only when it is this one; ``None`` when every step
            is seen.
        may_end_early: Whether something else than the search itself may end it before that step.
        max_new_tokens: The most tokens of one sequence, whoever set the limit.
        input_tokens: Tokens of the prompts, where they are known before the model runs.
        decides_alone: Whether this process alone decides when to end. One rank of several that compute one model
            together must not: the others would wait for it for ever.
    """

    operation: str
    model: str | None
    stream: bool = False
    single_sequence: bool = False
    sequences: int | None = None
    attributes: Mapping[str, AttributeValue] = _NO_ATTRIBUTES
    cache_bytes_per_token: int | None = None
    prompt_columns: int | None = None
    full_search_steps: int | None = None
    may_end_early: bool = False
    max_new_tokens: int | None = None
    input_tokens: int | None = None
    decides_alone: bool = True

    @property
    def predicted_cache_bytes(self) -> int | None:
        """Size of the key-value cache when every sequence runs to its limit, ``None`` when it is not known."""
        per_token, columns, limit = self.cache_bytes_per_token, self.prompt_columns, self.max_new_tokens
        if per_token is None or columns is None or not limit:
            return None
        return per_token * (columns + limit - 1)  # the last token is not fed back


class GenerationResponse(NamedTuple):
    """What is known after the call; ``None`` is unknown.

    Attributes:
        input_tokens: Prompt tokens, padding excluded, each prompt once.
        sequences_output_tokens: Per returned sequence, tokens through the first end-of-sequence token.
        finish_reasons: Per returned sequence.
        output_tokens: Tokens of all sequences together, where it is not known which wrote how many.
    """

    input_tokens: int | None = None
    sequences_output_tokens: tuple[int, ...] | None = None
    finish_reasons: tuple[str, ...] | None = None
    output_tokens: int | None = None

    @property
    def total_output_tokens(self) -> int | None:
        """Tokens of all sequences together."""
        outputs = self.sequences_output_tokens
        return self.output_tokens if outputs is None else sum(outputs)
