"""How pictures and tables are drawn; what they show belongs to the rooms and the command line."""
