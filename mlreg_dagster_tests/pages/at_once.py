"""Makes the results of pages in this process: what they need is loaded here already."""

import time


class AtOnce:
    """A worker that counts its calls."""

    def __init__(self):
        self.calls = 0

    def run(self, make, arguments):
        self.calls += 1
        return make(*arguments)

    def close(self):
        pass


def when_ready(site, path, *parts):
    """The twin of a page, once the parts that are computed are ready: each is a name in its facts."""
    end = time.monotonic() + 120
    while True:
        answer = site.get(path)
        assert answer.status_code == 200, answer.text
        facts = answer.json()["facts"]
        if all(facts[part]["state"] not in ("computing", "busy") for part in parts):
            return facts
        assert time.monotonic() < end
