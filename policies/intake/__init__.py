"""What is taken in, and what a dead letter weighs: profiles by source and account, impact, the health of sources."""
