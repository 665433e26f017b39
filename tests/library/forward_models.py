"""Small pretrained models of the stack's own base class, whose forwards the tests can look into."""

from collections.abc import Callable
from typing import Any, Final

import stacks

CLASSES: Final = 3
WIDTH: Final = 4


def classifier(
    stack: stacks.Stack, paddle: Any, before: Callable[[], None] | None = None, *, as_mapping: bool = False
) -> Any:
    """Return a model around another model: text in, one score per class out.

    Their forwards have no branches, which not every version of Paddle can compile.

    Args:
        stack: Whose ``PretrainedModel`` they are.
        paddle: The imported module.
        before: Called at the beginning of each forward of the outer one.
        as_mapping: Whether the outer one returns its scores by name.
    """
    base = stack.module("transformers").PretrainedModel
    configuration = stack.module("transformers").LlamaConfig

    class Encoder(base):
        config_class = configuration
        base_model_prefix = "encoder"

        def __init__(self, config: Any) -> None:
            base.__init__(self, config)
            self.embedding = paddle.nn.Embedding(stacks.VOCABULARY_SIZE, WIDTH)

        def forward(self, input_ids: Any, attention_mask: Any = None) -> Any:  # noqa: ARG002 - only to be counted
            return self.embedding(input_ids)

    class Classifier(base):
        config_class = configuration
        base_model_prefix = "encoder"

        def __init__(self, config: Any) -> None:
            base.__init__(self, config)
            self.encoder = Encoder(config)
            self.scores = paddle.nn.Linear(WIDTH, CLASSES)

        def forward(self, input_ids: Any, attention_mask: Any = None, return_dict: Any = None) -> Any:  # noqa: ARG002 - as the library's
            return self.scores(self.encoder(input_ids, attention_mask=attention_mask).mean(axis=1))

    class Watched(Classifier):
        def forward(self, input_ids: Any, attention_mask: Any = None, return_dict: Any = None) -> Any:
            if before is not None:
                before()
            scores = Classifier.forward(self, input_ids, attention_mask, return_dict)
            return {"scores": scores, "nothing": None} if as_mapping else scores

    paddle.seed(stacks.WEIGHTS_SEED)
    kind = Watched if before is not None or as_mapping else Classifier
    model = kind(configuration(**stack.models["llama"].config))
    model.eval()
    return model
