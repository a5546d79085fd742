"""Row-level security: a round and its notice are open around the reader's places, all else below them."""

from django.db import migrations

from bangfu.audit.row_security import around_paths, guard, open_row, under_paths

BY_PATH = ("case", "pass", "informed", "application", "panel", "objection", "determination", "referral")
BY_CASE = ("proposal", "recusal", "ballot", "step")
TABLES = {
    **{f"identify_{name}": around_paths(f"identify_{name}.path") for name in ("round", "notice")},
    **{f"identify_{name}": under_paths(f"identify_{name}.path") for name in BY_PATH},
    **{f"identify_{name}": open_row("identify_case", f"identify_{name}.case_id") for name in BY_CASE},
    "identify_panelmember": open_row("identify_panel", "identify_panelmember.panel_id"),
}


class Migration(migrations.Migration):
    dependencies = [("identify", "0001_initial"), ("audit", "0003_row_security"), ("registry", "0004_row_security")]
    operations = [guard(TABLES)]
