"""The classifier of crashes: learns from matured outcomes, where every other detector learns without labels."""
