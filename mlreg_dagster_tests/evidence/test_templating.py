"""The templates: in the package, over one base page, and harmless also where their author forgot a filter."""

import pytest
from jinja2 import UndefinedError

from mlreg_dagster.evidence import templating
from mlreg_dagster_tests.evidence.test_rendering import EVIL, Outline, unescaped_markdown

PACKAGES = ("mlreg_dagster.evidence", "mlreg_dagster.replay")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_page_extends_the_base_page_and_has_no_style_or_script_of_its_own(package):
    loader = templating._environment(package, is_html=True).loader
    pages = [name for name in loader.list_templates() if ".html." in name]
    assert "base.html.jinja" in pages
    for name in set(pages) - {"base.html.jinja", "macros.html.jinja"}:
        source = loader.get_source(templating._environment(package, is_html=True), name)[0]
        assert '{% extends "base.html.jinja" %}' in source
        for tag in ("<style", "<script", "<link", " style="):
            assert tag not in source, name


def test_a_value_without_a_filter_is_escaped_in_html_and_in_markdown():
    page = templating._environment(templating.BASE, is_html=True).from_string("<p>{{ text }}</p>")
    assert [tag for tag, _ in Outline(page.render(text=EVIL)).tags] == ["p"]
    assert "\u202e" not in page.render(text="\u202eanna")
    ticket = templating._environment(templating.BASE, is_html=False).from_string("{{ text }}")
    assert "\\<script\\>" in ticket.render(text=EVIL)
    assert unescaped_markdown(ticket.render(text=EVIL)) == EVIL
    assert "\n" not in ticket.render(text="a\n# b")


def test_a_value_that_is_not_there_is_an_error_and_no_blank():
    page = templating._environment(templating.BASE, is_html=True).from_string("{{ missing }}")
    with pytest.raises(UndefinedError, match="missing"):
        page.render()
