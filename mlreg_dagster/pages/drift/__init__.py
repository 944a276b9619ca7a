"""The pages of drift: the states of days and what followed, and one day with its four families."""
