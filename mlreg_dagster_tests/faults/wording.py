"""How the errors of the runbook begin to speak: raised by the faults' tests, quoted in docs/runbook.md."""

BUSY = "was kept by another process for more than"
FULL = "the disk is full"
NOT_WRITABLE = "can't be written"
DAMAGED = "is damaged"
TAMPERED = "is not what was frozen"
MISSING = "There is no bundle"
CLOCK = "its last move was recorded at"
CLOCK_IN_SENSOR = "The clock is behind the last promotion"
SECOND_DAEMON = "Another dagster daemon"
SECOND_LIFECYCLE = "Another replay, demo or sweep works on"
HOURS_AFTER_NOW = "Hours are stored that have not ended yet"
LOST_HOURS = "The tables lack hours that runs wrote"
CLOCK_BEHIND = "is behind the newest run of Dagster's event log"
NOT_ENDED = "has not ended at"
RESTORED = "If an older copy of the registry was put back, record it"
NEVER_MADE = "was never made for"
ALL = (
    BUSY, FULL, NOT_WRITABLE, DAMAGED, TAMPERED, MISSING, CLOCK, CLOCK_IN_SENSOR, SECOND_DAEMON, SECOND_LIFECYCLE,
    HOURS_AFTER_NOW, LOST_HOURS, CLOCK_BEHIND, NOT_ENDED, RESTORED, NEVER_MADE,
)  # fmt: skip
