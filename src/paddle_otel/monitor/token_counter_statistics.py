"""What a token counter tells about itself."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class TokenStatistics:
    """The counts of a token counter at one moment.

    Attributes:
        input_tokens: Tokens that text became.
        output_tokens: Tokens that were generated.
        total_tokens: Both together.
        encode_calls: Calls of tracked tokenizers that made ids of text.
        uncounted_calls: Calls and generations whose tokens could not be counted and are in no count: padded ids on a
            device, which are not copied from there, or a result that is not understood.
        followed_generations: Generations whose output was taken from what paddle-otel observed.
        logged_tokens_not_counted: What ``log_generated_tokens`` was told on a counter that follows generations.
        sessions: Sessions that are told apart.
        evicted_sessions: Sessions that no longer are.
        requests: Requests that are told apart.
        evicted_requests: Requests that no longer are.
    """

    input_tokens: int
    output_tokens: int
    total_tokens: int
    encode_calls: int
    uncounted_calls: int
    followed_generations: int
    logged_tokens_not_counted: int
    sessions: int
    evicted_sessions: int
    requests: int
    evicted_requests: int

    def to_dict(self) -> dict[str, int]:
        """Return them by name, as JSON can take them."""
        return asdict(self)
