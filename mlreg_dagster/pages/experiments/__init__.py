"""The pages of experiments: studies, sweeps, and evaluations under other settings, beside the versions they made."""
