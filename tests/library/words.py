"""The vocabulary of the tests' tokenizers: a few whole words, and templates that put them around a conversation."""

import json
from pathlib import Path
from typing import Final

SPECIAL_WORDS: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "endofturn")
TEMPLATE_WORDS: Final = ("userturn", "assistantturn")
PLAIN_WORDS: Final = ("what", "is", "the", "capital", "of", "france", "paris", "a", "river", "runs", "through", "it")
WORDS: Final = (*SPECIAL_WORDS, *TEMPLATE_WORDS, *PLAIN_WORDS)
"""The vocabulary of the tokenizers; a word's id is its position."""

JINJA_TEMPLATE: Final = (
    "{% for message in messages %}userturn {{ message['content'] }} endofturn {% endfor %}"
    "{% if add_generation_prompt %}assistantturn{% endif %}"
)
PADDLE_TEMPLATE: Final = {"query": "userturn {{query}} endofturn assistantturn"}


def write_fast_tokenizer(folder: Path, class_name: str) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` of a tokenizer of whole words."""
    plain = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [{"id": WORDS.index(word), "content": word, **plain} for word in SPECIAL_WORDS],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": {
            "type": "WordLevel",
            "vocab": {word: index for index, word in enumerate(WORDS)},
            "unk_token": "[UNK]",
        },
    }
    config = {
        "tokenizer_class": class_name,
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "eos_token": "endofturn",
        "padding_side": "left",
        "model_max_length": 64,
        "clean_up_tokenization_spaces": False,
        "chat_template": JINJA_TEMPLATE,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
