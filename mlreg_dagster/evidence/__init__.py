"""What is known of a version, written down for a reviewer: cards, bundles, reports. It decides nothing."""
