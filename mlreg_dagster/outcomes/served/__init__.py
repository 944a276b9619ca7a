"""What was answered online and its outcomes, apart from scheduled predictions; `serving.log` brings answers here."""
