"""How well the lifecycle keeps what it promises, and its numbers for Prometheus.

Which of these numbers people are told of is decided in `alerts`.
"""
