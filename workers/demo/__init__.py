"""`recoup demo`: failed invoices of many stories walked through their weeks on the real system, with time skipping."""
