"""From the tables of each released schema to those of the present one; docs/decisions/0020 says how and why."""
