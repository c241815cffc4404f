"""Calendars and local time: zones, business days, paydays, seasons, hours in which people are written to or charged."""
