"""Input and text from outside, made safe to read, show, unpack and request."""
