"""What every room may use and which knows none of them: errors, hours, plotting. No domain logic belongs here."""
