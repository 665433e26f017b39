"""A language model of a few thousand random weights, made of plain Paddle layers: nothing is downloaded."""

import paddle
from paddle import nn

NAME = "tiny-gru"
END = 9
"""The token that ends a sequence."""


class TinyModel(nn.Layer):
    """Gives, for ids so far, the scores of the next token; remembers what it has read in a state."""

    def __init__(self, vocabulary: int = 16, width: int = 32) -> None:
        """Make the layers."""
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.recurrent = nn.GRU(width, width)
        self.scores = nn.Linear(width, vocabulary)

    def forward(
        self, ids: paddle.Tensor, state: paddle.Tensor | None = None
    ) -> tuple[paddle.Tensor, paddle.Tensor | None]:
        """Read ids, one row for each sequence; return the scores of the next token and the state to go on with."""
        read, state = self.recurrent(self.embedding(ids), state)
        return self.scores(read[:, -1]), state


def make_model() -> TinyModel:
    """Return the model, with the same weights every time."""
    paddle.seed(7)
    model = TinyModel()
    model.eval()
    return model
