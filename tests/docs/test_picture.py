"""The picture of the demo is a true one, and asks nobody for anything."""

from xml.etree import ElementTree

from tests.docs.pages import REPOSITORY, Page

PICTURE = REPOSITORY / "docs" / "demo.svg"


def lines() -> list[str]:
    """What is written in it, line by line."""
    rows: dict[float, dict[float, str]] = {}
    for text in ElementTree.parse(PICTURE).iter("{http://www.w3.org/2000/svg}text"):
        row = rows.setdefault(float(text.get("y", "0")), {})
        row[float(text.get("x", "0"))] = (text.text or "").replace("\xa0", " ")
    return ["".join(row[x] for x in sorted(row)).strip() for _, row in sorted(rows.items())]


def test_the_picture_ends_as_the_output_in_the_readme() -> None:
    """Both are of the same world: whoever changes it draws the picture anew, with make picture."""
    (block,) = Page.read("README.md").blocks("console")
    shown = [line.strip() for line in block.text.splitlines()]
    drawn = lines()
    begin = next(n for n, line in enumerate(drawn) if line.startswith("What 3 weeks changed"))
    ending = list(filter(None, drawn[begin:]))
    assert len(ending) > 10
    assert [line for line in ending if line not in shown] == []


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    svg = PICTURE.read_text(encoding="utf-8")
    assert not [word for word in ("@font-face", "@import", "<script", "<image") if word in svg]
    assert 'href="' not in svg
