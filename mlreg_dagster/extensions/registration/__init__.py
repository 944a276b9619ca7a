"""How extensions are found, named and registered; what each kind of them must do is not decided here."""
