"""The page of an alias: who held it when, with which share of the traffic, on whose request and why."""
