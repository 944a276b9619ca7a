"""A notifier: one line of JSON for each notice, in a file that another program follows.

notifications.yaml:

    notifier: json_lines
    params: {path: notices.jsonl}
"""

import json
from dataclasses import asdict
from pathlib import Path

from mlreg_dagster.automation.notification import Notice
from mlreg_dagster.extensions import notifier


@notifier("json_lines")
class JsonLines:
    """Appends notices to a file.

    Args:
        path: The file; its folder must exist.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def notify(self, notice: Notice) -> None:
        """Write one line; an error of the file system is raised, so that the notice goes to the log."""
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(notice)) + "\n")
