"""The Open Inference Protocol, version 2, over HTTP, with its binary tensor extension.

https://github.com/kserve/open-inference-protocol; the extension:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""
