"""The evidence on a version, written down for reviewers: cards, bundles, reports. Decisions belong to `governance`."""
