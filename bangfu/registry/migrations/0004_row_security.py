"""Row-level security on PostgreSQL: people, their facts, households, files and rows have no rows without a scope.

A person's facts are open with the person, a file with its sender, a row with its file or its person. Also the trail's
chains, which are organisations of this package.
"""

from django.db import migrations

from bangfu.audit.row_security import guard, in_scope, on_postgres, open_row

PERSON_FACTS = (
    "detail",
    "enrolment",
    "guardian",
    "householdmember",
    "status",
    "labourrecord",
    "paymentaccount",
    "staffpost",
    "absence",
    "mealdays",
)
FILE, ROW, HOUSEHOLD = "registry_sourcefile", "registry_sourcerow", "registry_household"
TABLES = {
    "registry_person": in_scope("registry_person.organisation_id"),
    **{f"registry_{fact}": open_row("registry_person", f"registry_{fact}.person_id") for fact in PERSON_FACTS},
    HOUSEHOLD: f"{in_scope(f'{HOUSEHOLD}.village_id')} OR EXISTS (SELECT 1 FROM registry_series s"
    f" WHERE s.id = {HOUSEHOLD}.series_id AND {in_scope('s.organisation_id')})",
    FILE: in_scope(f"{FILE}.sender_id"),
    ROW: f"{open_row(FILE, f'{ROW}.file_id')} OR {open_row('registry_person', f'{ROW}.person_id')}",
    "registry_formerplace": open_row(FILE, "registry_formerplace.moved_by_id"),
    "registry_formerend": open_row(FILE, "registry_formerend.ended_by_id"),
    "registry_organisationfact": in_scope("registry_organisationfact.organisation_id"),
}
CHAINS = f"CREATE POLICY bangfu_reader_chains ON audit_entry FOR SELECT USING ({in_scope('audit_entry.chain')})"


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_undo"), ("audit", "0003_row_security")]
    operations = [guard(TABLES), on_postgres((CHAINS,), ("DROP POLICY bangfu_reader_chains ON audit_entry",))]
