import django.db.models.deletion
from django.db import migrations, models


def by_sign(apps, schema_editor):
    """Order names by their signs' numbers on PostgreSQL too, whatever the database's language: ranges rely on it."""
    if schema_editor.connection.vendor == "postgresql":
        for column in ("name", "initials"):
            schema_editor.execute(f'ALTER TABLE coverage_named ALTER COLUMN {column} TYPE varchar(255) COLLATE "C"')


def link_anew(apps, schema_editor):
    """Let the next linking look at every record, so that those linked before get their names."""
    apps.get_model("coverage", "Progress").objects.update(linked_until=0)


class Migration(migrations.Migration):

    dependencies = [
        ("coverage", "0002_speed_of_pages"),
        ("registry", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Named",
            fields=[
                (
                    "record",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="registry.person",
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("initials", models.CharField(max_length=255)),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.organisation",
                    ),
                ),
            ],
        ),
        migrations.RunPython(by_sign, migrations.RunPython.noop),
        migrations.AddIndex("named", models.Index(fields=["name"], name="coverage_named_name")),
        migrations.AddIndex("named", models.Index(fields=["initials"], name="coverage_named_initials")),
        migrations.AddIndex("named", models.Index(fields=["organisation", "name"], name="coverage_named_place")),
        migrations.RunPython(link_anew, migrations.RunPython.noop),
    ]
