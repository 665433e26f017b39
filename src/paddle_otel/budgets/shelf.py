"""Counts by subject, of which the ones unused for longest can be given up at little cost."""

from collections.abc import Iterator


class Shelf:
    """Counts by subject in two layers: what is used moves to the front, what stays behind may be given up.

    One dictionary in order of use would need twice the memory, and would stop a decode step when it is tidied up.

    A finalizer may run wherever a function is called, and change a count too: between reading and writing a count no
    function is called here.
    """

    __slots__ = ("_behind", "front")

    def __init__(self) -> None:
        self.front: dict[str, int] = {}
        """The counts used lately; what is here may be changed in place."""
        self._behind: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.front) + len(self._behind)

    def get(self, subject: str) -> int:
        """Return a count, 0 where there is none."""
        count = self.front.get(subject)
        return self._behind.get(subject, 0) if count is None else count

    def add(self, subject: str, tokens: int) -> bool:
        """Add to a count.

        Returns:
            Whether it came to the front by that.
        """
        front = self.front
        if subject in front:
            front[subject] += tokens
            return False
        before = self._behind.pop(subject, 0)
        if subject not in front:
            front[subject] = 0
        front[subject] += before + tokens
        return True

    def reduce(self, subject: str, tokens: int) -> None:
        """Take from a count, at most what is there."""
        for layer in self.layers():
            if subject in layer:
                if layer[subject] > tokens:
                    layer[subject] -= tokens
                else:
                    layer[subject] = 0

    def drop(self, subject: str) -> None:
        """Forget a count."""
        for layer in self.layers():
            layer.pop(subject, None)

    def age(self) -> dict[str, int]:
        """Let all that is in front stay behind from now on.

        Returns:
            What was behind until now: it is given up.
        """
        given_up, self._behind, self.front = self._behind, self.front, {}
        return given_up

    def layers(self) -> Iterator[dict[str, int]]:
        """Return the layers."""
        yield self.front
        yield self._behind
