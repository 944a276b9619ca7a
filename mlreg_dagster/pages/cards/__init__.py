"""Every picture of every step, by asset, partition and run, and two side by side."""
