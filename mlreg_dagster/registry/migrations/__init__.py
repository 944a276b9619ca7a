"""From the tables of each released schema to those of the present one."""
