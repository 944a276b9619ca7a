"""Is a home in order, and what in it may go?"""
