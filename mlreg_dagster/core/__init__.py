"""What every room uses and what knows none of them: errors, hours, plotting. No domain logic belongs here."""
