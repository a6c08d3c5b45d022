"""Phase I: tasks are synthesized, and admitted only on a certificate."""
