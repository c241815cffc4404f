"""What stands behind `recoup policy`: policies looked at, tried out, and changed under running cases."""
