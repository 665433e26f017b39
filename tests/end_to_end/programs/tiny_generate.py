"""A program as a user would write it: a tiny random model generates a few times, and the results are printed.

It knows nothing of OpenTelemetry. Its last line is the results as JSON; it ends with status 7.
"""

# Paddle and PaddleFormers have incomplete type information:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

import json
import sys
import time
from typing import Any

import paddle
from paddleformers.transformers import LlamaConfig, LlamaForCausalLM


def tiny_model() -> Any:
    """A random Llama with two layers; the same weights in every run."""
    paddle.seed(20)
    config = LlamaConfig(
        vocab_size=100,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        fuse_rms_norm=False,
    )
    model = LlamaForCausalLM(config)
    model.eval()
    return model


def main() -> int:
    """Generate as often as the first argument says, waiting the second argument's seconds in between."""
    times, pause = int(sys.argv[1]), float(sys.argv[2])
    model = tiny_model()
    results: list[Any] = []
    for turn in range(times):
        ids, _ = model.generate(paddle.to_tensor([[1, 5, 6, 7 + turn]]), max_new_tokens=5)
        results.append(ids.tolist())
        time.sleep(pause)
    try:
        model.generate(paddle.to_tensor([[1, 5]]), decode_strategy="no such strategy")
    except AssertionError as error:
        results.append(str(error))
    sys.stdout.write(json.dumps(results) + "\n")
    return 7


if __name__ == "__main__":
    sys.exit(main())
