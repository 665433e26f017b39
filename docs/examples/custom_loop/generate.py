"""Decode loops that no library knows, reported as generations: one for a batch, one that hands out its tokens."""

from collections.abc import Generator

import paddle
from tiny_model import END, NAME, TinyModel, make_model

from paddle_otel.operations import observe_generation, observed_generation


def answer_all(model: TinyModel, prompts: list[list[int]], max_tokens: int = 8) -> list[list[int]]:
    """Write what follows each prompt; all have the same length."""
    with (
        observe_generation(
            NAME,
            batch_size=len(prompts),
            input_tokens=sum(len(prompt) for prompt in prompts),
            max_tokens=max_tokens,
            device=paddle.get_device(),
        ) as generation,
        paddle.no_grad(),
    ):
        answers: list[list[int]] = [[] for _ in prompts]
        scores, state = model(paddle.to_tensor(prompts))
        for _ in range(max_tokens):
            ids = scores.argmax(axis=-1)
            going_on = [answer for answer in answers if END not in answer]
            for answer, token in zip(answers, ids.tolist(), strict=True):
                if END not in answer:
                    answer.append(token)
            generation.step(tokens=len(going_on))
            if all(END in answer for answer in answers):
                break
            scores, state = model(ids.unsqueeze(-1), state)
        generation.finish(
            *("stop" if END in answer else "length" for answer in answers),
            output_tokens=[len(answer) for answer in answers],
        )
    return answers


@observe_generation(NAME, batch_size=1)
def stream(model: TinyModel, prompt: list[int], max_tokens: int = 8) -> Generator[int, None, None]:
    """Hand out each token as soon as it is there: every value is a step of one token."""
    generation = observed_generation()
    generation.set_input_tokens(len(prompt))
    with paddle.no_grad():
        scores, state = model(paddle.to_tensor([prompt]))
    for _ in range(max_tokens):
        token = int(scores.argmax())
        if token == END:
            generation.finish("stop")
            yield token
            return
        yield token
        with paddle.no_grad():
            scores, state = model(paddle.to_tensor([[token]]), state)
    generation.finish("length")


def main() -> None:
    """Answer two prompts at once, then one token by token, then one of which only the beginning is read."""
    model = make_model()
    print(answer_all(model, [[1, 2, 4], [5, 6, 7]]))
    print(list(stream(model, [8, 9])))
    first = stream(model, [10, 11, 12, 13])
    print(next(first))
    first.close()


if __name__ == "__main__":
    main()
