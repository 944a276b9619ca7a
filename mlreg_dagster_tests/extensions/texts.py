"""Modules of plug-ins, as text."""

FEATURE = """
from mlreg_dagster.extensions import feature

@feature("{name}", lookback=0, description="A price", unit="quote")
def price(grid):
    return grid.now("price")
"""


ONE_OF_EACH = (
    FEATURE.format(name="own_price")
    + """
from mlreg_dagster.extensions import detector, gate, notifier, source

__version__ = "3.1"

@detector("own_detector")
class Own:
    def fit(self, X): pass
    def score(self, X): return X[:, 0]

@gate("own_gate", "Is it own?", at_least=0)
def own(context):
    return 1.0

@notifier("own_notifier")
class Notifier:
    def notify(self, notice): pass

@source("own_source")
class Source:
    def span(self, now): pass
    def snapshots(self, hours, now): pass
"""
)
