"""Where the pages of experiments are: all of them, a sweep, a study."""

from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.experiments"

PAGES = (
    Page("experiments", "/experiments", lambda _: "Experiments", f"{_PACKAGE}.facts:facts", _PACKAGE, "Experiments"),
    Page(
        key="sweep",
        path="/experiments/sweep/{name}",
        title=lambda facts: f"Sweep {facts.name}",
        source=f"{_PACKAGE}.sweep:facts",
        package=_PACKAGE,
    ),
    Page(
        key="study",
        path="/experiments/study/{name}",
        title=lambda facts: f"Study {facts.name}",
        source=f"{_PACKAGE}.study:facts",
        package=_PACKAGE,
    ),
)
