"""A rollout as a server takes part in it: which version answers a request, and what is counted and scored meanwhile.

What happens next with a rollout is decided in `governance.rollout`; which versions there are to choose from, in
`following`.
"""
