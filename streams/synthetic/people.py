"""The people of a world: a name for everybody, and who is new to an account."""

from __future__ import annotations

from collections.abc import Iterator

from streams.synthetic.rhythm import Dice

_FIRST_NAMES = (
    "ada ben cleo dario edda finn greta hugo ines jonas kira leo mila nils olga paul quinn rosa "
    "sami tove uma vito wanda xenia yaro zoe aiko bela chidi dunja elif farid gia hana ivo jamal "
    "kofi lena moana noor"
)
_LAST_NAMES = (
    "adler birch cole dove ember fern gale heath iris jay kestrel lark moss north oak pike quill "
    "reed stone thorn umber vale wren yew ash brook cliff dale elm flint grove hazel ivy juniper "
    "kelp loch marsh nettle otter"
)
_FIRST, _LAST = _FIRST_NAMES.split(), _LAST_NAMES.split()
_NAMES = len(_FIRST) * len(_LAST)
_STRIDE = 619  # has no divisor in common with the number of names: each is reached


def person(number: int) -> str:
    """The member of this number: `ada.birch`, `kofi.moss7`; each number is somebody else."""
    lap, place = divmod(number, _NAMES)
    last, first = divmod(place * _STRIDE % _NAMES, len(_FIRST))
    name = f"{_FIRST[first]}.{_LAST[last]}"
    return f"{name}{lap}" if lap else name


def strangers(dice: Dice, place: int, accounts: int) -> Iterator[str]:
    """People whom the account at this place of the world has not met yet, one after the other.

    One in eight is known around town: other accounts meet the same people.
    """
    about_town = own = 0
    while True:
        if dice() < 0.125:
            yield person(2 * about_town)
            about_town += 1
        else:
            yield person(2 * (own * accounts + place) + 1)
            own += 1
