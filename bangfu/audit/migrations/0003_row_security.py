"""Row-level security on PostgreSQL: the trail has no rows without a scope.

The installation's own chain (0) is open to whoever has any place; the organisations' chains are opened by the register.
"""

from django.db import migrations

from bangfu.audit.row_security import DROP_FUNCTIONS, FUNCTIONS, guard, on_postgres


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [
        on_postgres(FUNCTIONS, DROP_FUNCTIONS),
        guard({"audit_entry": "audit_entry.chain = 0 AND cardinality((SELECT bangfu_paths())) > 0"}),
    ]
