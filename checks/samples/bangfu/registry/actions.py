"""As in web/sample.py: what is written is recorded."""

from bangfu.audit.actions import record
from bangfu.registry.models import Person


def silent(*, by):
    """Write and say nothing."""
    person = Person.objects.get(pk=1)
    person.name = "x"
    person.save()  # fires: unlogged-write
    Person.objects.create(name="x")  # fires: unlogged-write
    Person.objects.bulk_create([])  # fires: unlogged-write
    Person.objects.filter(pk=1).update(name="x")  # fires: unlogged-write
    Person.objects.filter(pk=1).delete()  # fires: unlogged-write
    if person:
        cursor.execute("INSERT INTO registry_person VALUES (1)")  # fires: unlogged-write
        cursor.execute(f"UPDATE {table} SET x = 1")  # fires: unlogged-write
    cursor.execute("SELECT 1")


def told(*, by):
    """Write and say so."""
    person = Person.objects.create(name="x")
    for _ in range(2):
        person.save()
    record(action="registry.told", by=by)
    return person


def kept(*, by):
    """Write, say so, and keep what was said."""
    person = Person.objects.create(name="x")
    entry = record(action="registry.kept", by=by)
    return person, entry


def _insert(rows):
    Person.objects.bulk_create(rows)


def at_once(*, by):
    """Write and say so in a block, and go on."""
    with transaction.atomic():
        person = Person.objects.create(name="x")
        record(action="registry.at_once", by=by)
    return person
