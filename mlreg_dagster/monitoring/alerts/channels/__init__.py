"""The ways on which messages reach people: the log, webhooks, Slack, PagerDuty and mail."""
