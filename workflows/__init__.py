"""Durable stories: wait, order, record. They branch on decisions and take none. One file per story."""
