"""Bridges to other tools: each is optional, and nothing else imports it."""
