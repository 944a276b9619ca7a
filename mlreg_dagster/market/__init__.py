"""The market, hour by hour: where snapshots come from, what they must look like, what is derived from them."""
