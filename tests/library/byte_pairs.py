"""Byte pair encoding by its definition, for text in ASCII: counts the tokens of a real model without any library."""

import itertools
import json
import re
from pathlib import Path
from typing import Any, Final

_SPECIAL: Final = re.compile(r"(<\|\w+\|>)")
# GPT-2's cut into words, for ASCII.
_WORDS: Final = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[0-9]| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")
# How GPT-2's vocabulary writes the two bytes of our texts that are no visible characters.
_VISIBLE: Final = str.maketrans({" ": "\u0120", "\n": "\u010a"})
_INVISIBLE: Final = str.maketrans({"\u0120": " ", "\u010a": "\n"})


class BytePairs:
    """The vocabulary and the merges of a ``tokenizer.json``.

    Args:
        folder: Where the file is.
    """

    def __init__(self, folder: Path) -> None:
        model: dict[str, Any] = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
        self._ids: dict[str, int] = model["vocab"]
        pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
        self._ranks = {(left, right): rank for rank, (left, right) in enumerate(pairs)}

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; special tokens may stand in it."""
        ids: list[int] = []
        for part in filter(None, _SPECIAL.split(text)):
            if _SPECIAL.fullmatch(part):
                ids.append(self._ids[part])
            else:
                words = _WORDS.findall(part)
                assert "".join(words) == part
                ids += [self._ids[piece] for word in words for piece in self._merged(word.translate(_VISIBLE))]
        return ids

    def decode(self, ids: list[int]) -> str:
        """Return the text of ids."""
        pieces = {index: piece for piece, index in self._ids.items()}
        return "".join(pieces[index] for index in ids).translate(_INVISIBLE)

    def _merged(self, word: str) -> list[str]:
        """Merge the pair that was learnt first, again and again, until no pair is left that was learnt."""
        pieces = list(word)
        while len(pieces) > 1:
            pairs = list(itertools.pairwise(pieces))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            at = pairs.index(best)
            pieces[at : at + 2] = ["".join(best)]
        return pieces
