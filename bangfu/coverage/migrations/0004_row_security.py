from django.db import migrations

from bangfu.audit.row_security import guard, in_scope, open_row, under_paths

PERSON = "registry_person"
LINK, ALIAS, STATE, DIFFERENCE = (f"coverage_{name}" for name in ("link", "alias", "pupilstate", "difference"))
NAMED, TOTAL = "coverage_named", "coverage_placetotal"
TABLES = {
    LINK: f"{open_row(PERSON, f'{LINK}.left_id')} AND {open_row(PERSON, f'{LINK}.right_id')}",
    ALIAS: f"{open_row(PERSON, f'{ALIAS}.record_id')} OR {open_row(PERSON, f'{ALIAS}.human_id')}",
    STATE: f"{under_paths(f'{STATE}.path')} OR {open_row(PERSON, f'{STATE}.human_id')}",
    DIFFERENCE: f"{under_paths(f'{DIFFERENCE}.path')} OR {under_paths(f'{DIFFERENCE}.owner_path')}",
    NAMED: in_scope(f"{NAMED}.organisation_id"),
    TOTAL: in_scope(f"{TOTAL}.organisation_id"),
}


class Migration(migrations.Migration):
    dependencies = [("coverage", "0003_named"), ("registry", "0004_row_security")]
    operations = [guard(TABLES)]
