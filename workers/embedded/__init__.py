"""The laptop: PostgreSQL and Temporal from wheels, our own processes beside them, all in one data folder."""
