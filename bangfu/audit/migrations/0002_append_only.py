"""The trail is append-only by trigger, on SQLite and on PostgreSQL."""

from django.db import migrations

SQLITE = """
CREATE TRIGGER audit_entry_no_{verb_lower} BEFORE {verb} ON audit_entry
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
"""
POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$
"""
POSTGRES = """
CREATE TRIGGER audit_entry_no_{verb_lower} BEFORE {verb} ON audit_entry
FOR EACH ROW EXECUTE FUNCTION audit_entry_refuse()
"""


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRES_FUNCTION)
    template = POSTGRES if schema_editor.connection.vendor == "postgresql" else SQLITE
    for verb in ("UPDATE", "DELETE"):
        schema_editor.execute(template.format(verb=verb, verb_lower=verb.lower()))


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
