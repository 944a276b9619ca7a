"""A mirror of the registry in MLflow: one way, by comparing what is there with what should be.

`content` says what a mirror holds, `wanted` and `studies` derive it from the registry, `client` reads it from MLflow,
`differences` compares the two, `writing` makes the second equal to the first, and `mirror` does it in that order.
"""
