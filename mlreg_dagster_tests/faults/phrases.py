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
NEVER_MADE = "was never made for"
ALL = (BUSY, FULL, NOT_WRITABLE, DAMAGED, TAMPERED, MISSING, CLOCK, CLOCK_IN_SENSOR, SECOND_DAEMON, NEVER_MADE)
