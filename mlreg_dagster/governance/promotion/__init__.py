"""How an alias moves: promotion, rollback, automatic promotion, champion against challenger."""
