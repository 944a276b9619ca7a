"""The arithmetic of drift: days against quiet days, and effect sizes."""
