"""The look-up behind the copy mixture (`training.copying`) and behind drafts from the context."""

LONGEST = 16


class Copier:
    """Follows one context token by token; `match` continues its longest earlier match. As the engine does."""

    def __init__(self, tokens: list[int] | None = None):
        self.tokens: list[int] = []
        # For every length, the place after the latest occurrence of those tokens, the end of the context left out.
        self.places: list[dict[tuple[int, ...], int]] = [{} for _ in range(LONGEST)]
        for token in tokens or ():
            self.append(token)

    def append(self, token: int) -> None:
        for length in range(1, min(LONGEST, len(self.tokens)) + 1):
            self.places[length - 1][tuple(self.tokens[-length:])] = len(self.tokens)
        self.tokens.append(token)

    def match(self) -> tuple[int, int] | None:
        """(length of the longest earlier match, the token that followed its latest occurrence), or None."""
        for length in range(min(LONGEST, len(self.tokens)), 0, -1):
            place = self.places[length - 1].get(tuple(self.tokens[-length:]))
            if place is not None:
                return length, self.tokens[place]
        return None
