"""Row-level security on PostgreSQL.

A link is open with both of its records, an alias with either, a pupil's state with the class or the person, a
difference with its own organisation or its owner.
"""

from django.db import migrations

from bangfu.audit.row_security import guard, in_scope, open_row

PERSON = "registry_person"
LINK, ALIAS, STATE, DIFFERENCE = (f"coverage_{name}" for name in ("link", "alias", "pupilstate", "difference"))
TABLES = {
    LINK: f"{open_row(PERSON, f'{LINK}.left_id')} AND {open_row(PERSON, f'{LINK}.right_id')}",
    ALIAS: f"{open_row(PERSON, f'{ALIAS}.record_id')} OR {open_row(PERSON, f'{ALIAS}.human_id')}",
    STATE: f"{in_scope(f'{STATE}.school_class_id')} OR {open_row(PERSON, f'{STATE}.human_id')}",
    DIFFERENCE: f"{in_scope(f'{DIFFERENCE}.organisation_id')} OR {in_scope(f'{DIFFERENCE}.owner_id')}",
}


class Migration(migrations.Migration):
    dependencies = [("coverage", "0001_initial"), ("registry", "0002_row_security")]
    operations = [guard(TABLES)]
