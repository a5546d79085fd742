"""Paths beside pupils and differences, totals by place, and the indexes from which the pages are answered."""

from collections import Counter

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Count, Min, OuterRef, Subquery

# Pupils are listed in the order of their paths: by bytes, as SQLite has it, whatever the server's locale.
BY_BYTES = 'ALTER TABLE coverage_pupilstate ALTER COLUMN path TYPE varchar(255) COLLATE "C"'


def order_by_bytes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(BY_BYTES)


def fill_paths(apps, schema_editor):
    organisation = apps.get_model("registry", "Organisation")

    def path_of(key):
        return Subquery(organisation.objects.filter(pk=OuterRef(key)).values("path")[:1])

    apps.get_model("coverage", "PupilState").objects.update(path=path_of("school_class"))
    differences = apps.get_model("coverage", "Difference").objects
    differences.update(path=path_of("organisation"), owner_path=path_of("owner"))


def fill_totals(apps, schema_editor):
    total = apps.get_model("coverage", "PlaceTotal")
    counts, due = Counter(), {}
    pupils = apps.get_model("coverage", "PupilState").objects.values_list("path", "state").annotate(n=Count("pk"))
    for path, state, count in pupils.order_by():
        for place in places_of(path):
            counts[place, state] += count
    waiting = apps.get_model("coverage", "Difference").objects.filter(closed_at=None, answer="").order_by()
    rows = waiting.values_list("path", "owner_path", "code").annotate(n=Count("pk"), first=Min("due"))
    for path, owner_path, code, count, first in rows:
        for place in places_of(path, owner_path):
            counts[place, code] += count
            due[place, code] = min(due.get((place, code), first), first)
    total.objects.bulk_create(
        [
            total(organisation_id=place, name=name, count=count, first_due=due.get((place, name)))
            for (place, name), count in counts.items()
        ],
        batch_size=2_000,
    )


def places_of(*paths):
    return {None, *(int(part) for path in paths for part in path.split("/") if part)}


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_append_only'),
        ('coverage', '0001_initial'),
        ('registry', '0002_speed_of_pages'),
    ]

    operations = [
        migrations.CreateModel(
            name='PlaceTotal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=32)),
                ('count', models.IntegerField()),
                ('first_due', models.DateField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='difference',
            name='owner_path',
            field=models.CharField(default='', max_length=255),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='difference',
            name='path',
            field=models.CharField(default='', max_length=255),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='pupilstate',
            name='path',
            field=models.CharField(default='', max_length=255),
            preserve_default=False,
        ),
        migrations.RunPython(order_by_bytes, migrations.RunPython.noop),
        migrations.RunPython(fill_paths, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='pupilstate',
            name='school_class',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.organisation'),
        ),
        migrations.RemoveIndex(
            model_name='difference',
            name='coverage_difference_open',
        ),
        migrations.AddIndex(
            model_name='difference',
            index=models.Index(condition=models.Q(('answer', ''), ('closed_at', None)), fields=['due', 'id', 'path', 'owner_path'], name='coverage_difference_waiting'),
        ),
        migrations.AddIndex(
            model_name='difference',
            index=models.Index(condition=models.Q(('answer', ''), ('closed_at', None)), fields=['code', 'due', 'id', 'path', 'owner_path'], name='coverage_difference_code'),
        ),
        migrations.AddIndex(
            model_name='link',
            index=models.Index(condition=models.Q(('ended_in', None)), fields=['verdict', 'id', 'left', 'right'], name='coverage_link_standing'),
        ),
        migrations.AddIndex(
            model_name='pupilstate',
            index=models.Index(fields=['state', 'path', 'human'], name='coverage_pupil_state'),
        ),
        migrations.AddIndex(
            model_name='pupilstate',
            index=models.Index(fields=['path', 'human'], name='coverage_pupil_place'),
        ),
        migrations.AddField(
            model_name='placetotal',
            name='organisation',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.organisation'),
        ),
        migrations.AddConstraint(
            model_name='placetotal',
            constraint=models.UniqueConstraint(fields=('organisation', 'name'), name='coverage_total_once'),
        ),
        migrations.RunPython(fill_totals, migrations.RunPython.noop),
    ]
