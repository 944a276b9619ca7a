"""The checks between a trained version and its rollout: gates, processor time, a real server, approvals.

Nothing here moves an alias or starts a rollout; the command `mlreg release` asks the job `rollout` for that.
"""
