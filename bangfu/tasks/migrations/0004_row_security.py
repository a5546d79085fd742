"""Row-level security on PostgreSQL: a task is open to whom its place is."""

from django.db import migrations

from bangfu.audit.row_security import guard, under_paths


class Migration(migrations.Migration):
    dependencies = [("tasks", "0003_uploads"), ("audit", "0003_row_security")]
    operations = [guard({"tasks_task": under_paths("tasks_task.path")})]
