"""Markup: whatever is not markup is text, in an element as in an attribute."""

from streams.report.markup import Markup, joined, tag


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("b", "<&>", Markup("<i>"), 3) == "<b>&lt;&amp;&gt;<i>3</b>"
    assert joined(tag("b"), "<b>") == "<b></b>&lt;b&gt;"


def test_an_attribute_cannot_be_left() -> None:
    assert tag("a", href="\"'><") == '<a href="&quot;&#x27;&gt;&lt;"></a>'


def test_nothing_is_nothing() -> None:
    """Neither as content nor as an attribute."""
    assert tag("a", None, href=None) == "<a></a>"


def test_names_of_attributes_may_be_words_of_python() -> None:
    assert tag("meta", class_="x", aria_label="y") == '<meta class="x" aria-label="y">'
