"""What every package may use: money, numbers, calendars, sealing, messages. Knows no Django."""
