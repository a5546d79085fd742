"""Row-level security on PostgreSQL: a row that waits is open with its file, a corrected header with its sender."""

from django.db import migrations

from bangfu.audit.row_security import guard, in_scope, open_row

# A row's id is its file's, times this, plus its place (registry/plan.py).
ROWS_PER_FILE = 100_000_000
TABLES = {
    "intake_heldrow": open_row("registry_sourcefile", f"intake_heldrow.row_id / {ROWS_PER_FILE}"),
    "intake_mapping": in_scope("intake_mapping.sender_id"),
}


class Migration(migrations.Migration):
    dependencies = [("intake", "0002_uploads"), ("registry", "0004_row_security")]
    operations = [guard(TABLES)]
