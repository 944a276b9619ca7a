"""Thousands of hourly partitions by several processes at once through Dagster's run queue, while somebody reads.

    python benchmarks/concurrency.py [partitions] [processes]

A web server, a daemon and their run processes work through the hours (default: 3,500 by 4 processes) of a simulated
market of 20 instruments, in ranges of 50 hours and more: first snapshots and features, then what follows from them.
Another process reads all tables without a pause. At the end every table is compared, to the last bit, with the same
hours run in one process.
"""

import statistics
import sys

from rich.console import Console
from rich.table import Table

from mlreg_dagster_tests.faults.processes import Crowd, run_crowd
from mlreg_dagster_tests.first_day import memory_folder

HOURS_A_RUN = 50


def main() -> None:
    """Print the table; exit with 1 where a run failed, a row was lost or doubled, or the reader was refused."""
    partitions, processes = (int(word) for word in (sys.argv[1:] + ["3500", "4"][len(sys.argv) - 1 :])[:2])
    with memory_folder() as folder:
        crowd = run_crowd(folder, partitions, processes, HOURS_A_RUN, tell=lambda step: print(step, file=sys.stderr))
    table = Table("what", "found", title=f"{partitions:,} hours, {processes} processes", title_justify="left")
    for what, found in described(crowd).items():
        table.add_row(what, found)
    Console().print(table)
    sys.exit(not is_whole(crowd))


def described(crowd: Crowd) -> dict[str, str]:
    """The outcome, in words."""
    seen = crowd.readings
    waited = f"median {statistics.median(seen.seconds):.2f} s, longest {max(seen.seconds):.1f} s"
    return {
        **{f"runs of {job}: {status.lower()}": str(count) for (job, status), count in sorted(crowd.runs.items())},
        "at once, at most": str(crowd.most_at_once),
        "seconds": f"{crowd.seconds:.0f}",
        **{f"rows of {name} (by one process)": f"{n:,} ({m:,})" for name, (n, m) in crowd.rows.items()},
        "tables that differ": ", ".join(crowd.differing) or "none",
        "reads": f"{len(seen.seconds):,}, {waited}",
        "reads refused": str(len(seen.errors)),
        "doubled keys seen by the reader": str(seen.doubled),
    }


def is_whole(crowd: Crowd) -> bool:
    """Whether nothing failed, nothing was lost and nothing doubled."""
    all_succeeded = {status for _, status in crowd.runs} == {"SUCCESS"}
    return all_succeeded and not (crowd.differing or crowd.readings.errors or crowd.readings.doubled)


if __name__ == "__main__":
    main()
