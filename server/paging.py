"""Pages of a list: how long they are, and the opaque token that leads to the next."""

from __future__ import annotations

import base64
import binascii

from server.errors import ArgumentError, PageTokenError

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
TOKEN_PREFIX = "before:"


def page_limit(page_size: int) -> int:
    """Items on a page; 0 asks for the default, too many for the most there is.

    Raises:
        ArgumentError: `page_size` is negative.
    """
    if page_size < 0:
        raise ArgumentError(
            f"{page_size} is negative; give 1 to {MAX_PAGE_SIZE}", field="page_size"
        )
    return min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def page_token(before: int) -> str:
    """The token of the page that begins below the ordinal `before`."""
    return base64.urlsafe_b64encode(f"{TOKEN_PREFIX}{before}".encode()).decode()


def page_start(token: str) -> int | None:
    """The ordinal below which the page begins; None for the first page.

    Raises:
        PageTokenError: the token is not one of ours.
    """
    if not token:
        return None
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
        prefix, number = text[: len(TOKEN_PREFIX)], text[len(TOKEN_PREFIX) :]
        if prefix != TOKEN_PREFIX or not 0 < int(number) < 1 << 62:
            raise ValueError(text)
    except (binascii.Error, ValueError) as error:
        raise PageTokenError(
            "the page token is not one this server gave; begin again without one"
        ) from error
    return int(number)
