"""The commands, one module a room: arguments in, a table or `--json` out. They have no logic of their own."""
