"""The page of alerts: open and past ones, whom they were told, and how the objectives stand."""
