"""How a picture is made and embedded; what it shows stands in the rooms (`<room>/pictures.py`).

The Dagster UI renders Markdown metadata but has no image type, so a picture travels as an embedded SVG: sharp at
every size, and made in six tenths of the time of a PNG, which counts where four are drawn every hour. matplotlib is
imported when the first picture is drawn: a code location loads without it.

No text in a picture is interpreted: a dollar in a name is a dollar, not the beginning of a formula. Names from outside
go through `label`. An axis whose ticks matplotlib writes as formulas (a log scale) needs a plain formatter.
"""

import base64
import io
import re
import warnings
from typing import TYPE_CHECKING

from mlreg_dagster.core.untrusted.text import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DATA_URI = "data:image/svg+xml;base64,"
PICTURE = re.compile(rf"!\[([^\]]*)\]\(({re.escape(_DATA_URI)}([A-Za-z0-9+/=]+))\)")
"""What `as_markdown` gives: the words, the data URI, and of it what is encoded."""

_NOT_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_LONGEST_LABEL, _LONGEST_ALT = 24, 1000

NORMAL, ANOMALY, ACCENT, MUTED = "#4c72b0", "#c44e52", "#dd8452", "#8c8c8c"
"""One colour a meaning, in every picture."""


def new_figure(width: float = 7.0, height: float = 3.2, margins: tuple[float, ...] | None = None) -> "Figure":
    """An empty figure, drawn without pyplot's global state, so that threads don't share one.

    Args:
        width: Inches.
        height: Inches.
        margins: Inches left, below, right and above of the axes; None = found by drawing twice, which what is
            drawn every hour should not cost.
    """
    from matplotlib.figure import Figure

    if margins is None:
        return Figure(figsize=(width, height), dpi=80, layout="constrained")
    figure = Figure(figsize=(width, height), dpi=80)
    left, below, right, above = margins
    figure.subplots_adjust(left / width, below / height, 1 - right / width, 1 - above / height)
    return figure


def label(name: object, longest: int = _LONGEST_LABEL) -> str:
    """A name from outside, fit to be drawn: one short line without controls and hidden marks."""
    return one_line(name, longest)


def as_markdown(figure: "Figure", alt: str) -> str:
    """The figure as a Markdown image; `alt` describes it."""
    return f"![{_alt(alt)}]({_data_uri(figure)})"


def _alt(text: str) -> str:
    return one_line(text, _LONGEST_ALT).translate(str.maketrans("[]\\", "()/"))


def _data_uri(figure: "Figure") -> str:
    import matplotlib as mpl
    from matplotlib.text import Text

    for each in figure.findobj(Text):
        each.set_parse_math(False)
        each.set_usetex(False)
    buffer = io.BytesIO()
    with (
        mpl.rc_context(
            {
                "svg.fonttype": "none",  # text stays text
                "svg.hashsalt": "mlreg",  # same drawing, same bytes
                "text.parse_math": False,  # for ticks, whose texts are made when they are drawn
                "text.usetex": False,
            }
        ),
        warnings.catch_warnings(),
    ):
        # a name in Chinese: matplotlib only measures the text, a reader's own fonts draw it
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from font", category=UserWarning)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _DATA_URI + base64.b64encode(_NOT_XML.sub(b"?", buffer.getvalue())).decode("ascii")
