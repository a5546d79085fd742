"""Users, roles and dated grants of scope: whose rows may I see."""
