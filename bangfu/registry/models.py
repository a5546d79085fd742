"""The register's tables.

Every statement about a person or an organisation is a *fact*: `valid_from` and `valid_until` say when it held
(from that day, until the day before), `source` says which row of which file told us, `ended_by` which file told
us that it ended, and `retracted_by` which file corrected it. Files carry the moment they were recorded, so both
'what held that day' and 'what we knew then' can be read back. Nothing is overwritten.

A file that is taken back stays; its undo is a file of its own (`undoes`), without content or rows, that retracts what
the file said and gives back what it had ended or retracted.

Row ids are given by the import (`registry/actions.py`), because sealed cells are bound to them.
"""

from __future__ import annotations

from django.db import models

# The longest text that a cell may bring (intake/values.py holds a row with a longer one).
TEXT = 255


class Clock(models.Model):
    """One row: counts the register's writes, so that a writer who read before another's write starts again."""

    version = models.BigIntegerField(default=0)


class Series(models.Model):
    """A list that comes again: a layout, and the organisation whose list it is."""

    id = models.BigIntegerField(primary_key=True)
    layout = models.CharField(max_length=TEXT)
    organisation = models.ForeignKey("Organisation", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["layout", "organisation"], name="registry_series_once")]


class Organisation(models.Model):
    """A place or body in the tree: province, city, county, township, village, school, class, department...

    `path` is the ids from the root, '/1/4/'; scope is a path's subtree. A list of organisations has its rows
    here too, with their series.
    """

    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=32)
    name = models.CharField(max_length=2 * TEXT)
    code = models.CharField(max_length=TEXT, blank=True)
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    path = models.CharField(max_length=TEXT)
    series = models.ForeignKey(Series, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["kind", "name"], name="registry_organisation_name"),
            # In PostgreSQL's order of bytes, in which LIKE can be answered; SQLite needs no such class.
            models.Index(fields=["path"], name="registry_organisation_below", opclasses=["varchar_pattern_ops"]),
            models.Index(
                fields=["kind", "path"],
                opclasses=["varchar_ops", "varchar_pattern_ops"],
                condition=models.Q(series=None),
                name="registry_organisation_kind",
            ),
        ]


COUNTS = ("read", "applied", "unchanged", "held", "noise")


class SourceFile(models.Model):
    """A file as it came: kept sealed and whole, with its date, layout and row counts."""

    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=TEXT)
    layout = models.CharField(max_length=TEXT)
    digest_index = models.BinaryField(db_index=True)
    salt = models.BinaryField()
    digest = models.BinaryField()
    content = models.BinaryField()
    size = models.BigIntegerField()
    list_date = models.DateField()
    holds_from = models.DateField()
    recorded_at = models.DateTimeField()
    sender = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    mapping = models.JSONField()
    read = models.IntegerField()
    applied = models.IntegerField()
    unchanged = models.IntegerField()
    held = models.IntegerField()
    noise = models.IntegerField()
    # The first file with these very bytes, which keeps them. Where such a file has no rows of its own, nothing was
    # left to do: the earlier one's rows are its rows.
    same_as = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    # Of an undo: the file that it takes back.
    undoes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="undone")

    class Meta:
        indexes = [
            # All that lists show of a file: SQLite reads a row up to the column asked for, and the content stands
            # before most of them.
            models.Index(
                fields=["undoes", "id", "sender", "name", "layout", "list_date", *COUNTS],
                name="registry_sourcefile_listed",
            )
        ]


class SeriesFile(models.Model):
    """That a file is one issue of a series, and of which day: an older issue never overrules a newer one."""

    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="issues")
    file = models.ForeignKey(SourceFile, on_delete=models.PROTECT, related_name="issues")
    list_date = models.DateField()


class Household(models.Model):
    """A household as one list numbers it."""

    id = models.BigIntegerField(primary_key=True)
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+")
    number = models.CharField(max_length=4 * TEXT)
    village = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "number"], name="registry_household_once")]


class Person(models.Model):
    """A person as one list knows them: what stays the same while the list's issues come and go.

    The same human in two lists is two of these; linkage says so in a table of its own and can be undone.
    """

    id = models.BigIntegerField(primary_key=True)
    series = models.ForeignKey(Series, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")


class SourceRow(models.Model):
    """A row of a file and what became of it: applied, unchanged, held or noise.

    `id` is the file's id * 100,000,000 + the row's place among the file's rows; `row` is the number that the
    office program shows.
    """

    id = models.BigIntegerField(primary_key=True)
    file = models.ForeignKey(SourceFile, on_delete=models.PROTECT, related_name="rows", db_index=False)
    sheet = models.SmallIntegerField()
    row = models.IntegerField()
    state = models.CharField(max_length=9)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)


class Fact(models.Model):
    """What all dated facts have; see the top of this file."""

    id = models.BigIntegerField(primary_key=True)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True)
    source = models.ForeignKey(SourceRow, on_delete=models.PROTECT, related_name="+", db_index=False)
    ended_by = models.ForeignKey(SourceFile, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    retracted_by = models.ForeignKey(SourceFile, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        abstract = True


class FormerEnd(models.Model):
    """An end that a fact had before another file moved it or took it back: what was known in between.

    `ended_by` is the fact's own file where that gave the end. A retraction that an undo took back is kept as an end on
    the fact's first day: in between the fact held on no day.
    """

    kind = models.CharField(max_length=32)
    fact = models.BigIntegerField()
    valid_until = models.DateField()
    ended_by = models.ForeignKey(SourceFile, on_delete=models.PROTECT, related_name="+", db_index=False)
    replaced_by = models.ForeignKey(SourceFile, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        indexes = [models.Index(fields=["kind", "fact"], name="registry_former_end")]


class FormerPlace(models.Model):
    """Where a person or listed organisation stood before a file moved it; an undo of the file moves it back."""

    kind = models.CharField(max_length=32)
    subject = models.BigIntegerField()
    place = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    moved_by = models.ForeignKey(SourceFile, on_delete=models.PROTECT, related_name="+")


class PersonFact(Fact):
    """A fact about a person."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="%(class)ss")

    class Meta:
        abstract = True


def organisation_key() -> models.ForeignKey[Organisation | None, Organisation | None]:
    """Return a foreign key to an organisation; scope reads it through the person, so it has no index."""
    return models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)


class Detail(PersonFact):
    """Who the person is and where they can be reached, as this list writes it."""

    name = models.CharField(max_length=TEXT)
    sex = models.CharField(max_length=1, blank=True)
    birth = models.DateField(null=True)
    ethnicity = models.CharField(max_length=TEXT, blank=True)
    id_type = models.CharField(max_length=TEXT, blank=True)
    id_number = models.BinaryField(null=True)
    id_number_index = models.BinaryField(null=True, db_index=True)
    # Of the first 15 digits: finds the ID whose end a number cell lost. Read in bulk, so without an index of its
    # own: a random one more would cost every import a page written for each row.
    id_number_start = models.BinaryField(null=True)
    id_state = models.CharField(max_length=9, blank=True)
    phone = models.BinaryField(null=True)
    phone_index = models.BinaryField(null=True)
    address = models.CharField(max_length=TEXT, blank=True)
    hukou_address = models.CharField(max_length=TEXT, blank=True)
    village = organisation_key()


class Enrolment(PersonFact):
    """On a school's roll: stage, year, class, boarding. `entered` is the first day of the month of entry."""

    school = organisation_key()
    school_class = organisation_key()
    stage = models.CharField(max_length=16, blank=True)
    year = models.SmallIntegerField(null=True)
    boarding = models.BooleanField(null=True)
    left_behind = models.BooleanField(null=True)
    entered = models.DateField(null=True)
    disability_noted = models.CharField(max_length=TEXT, blank=True)
    roll_number = models.BinaryField(null=True)
    roll_number_index = models.BinaryField(null=True, db_index=True)


class Guardian(PersonFact):
    """Who answers for a child or a disabled person."""

    guardian_name = models.CharField(max_length=TEXT)
    guardian_phone = models.BinaryField(null=True)
    guardian_phone_index = models.BinaryField(null=True)


class HouseholdMember(PersonFact):
    """Belonging to a household, and as what (户主, 子女...)."""

    household = models.ForeignKey(Household, on_delete=models.PROTECT, related_name="members")
    relation = models.CharField(max_length=TEXT, blank=True)
    # The number that the poverty register gives each person (人口编号).
    member_number = models.CharField(max_length=TEXT, blank=True)


class Status(PersonFact):
    """A standing that an office gives: registered_poor, monitored, minimum_living, disabled, orphan.

    `amount` is fen a month for the household where the list states it.
    """

    kind = models.CharField(max_length=32)
    category = models.CharField(max_length=TEXT, blank=True)
    level = models.CharField(max_length=TEXT, blank=True)
    amount = models.BigIntegerField(null=True)
    certificate = models.BinaryField(null=True)
    certificate_index = models.BinaryField(null=True)


class LabourRecord(PersonFact):
    """A household member's schooling, health and work as the poverty register asks them (clauses I.19, III.5)."""

    education = models.CharField(max_length=TEXT, blank=True)
    school_status = models.CharField(max_length=TEXT, blank=True)
    out_of_school_reason = models.CharField(max_length=TEXT, blank=True)
    health = models.CharField(max_length=TEXT, blank=True)
    labour = models.CharField(max_length=TEXT, blank=True)
    months_worked = models.SmallIntegerField(null=True)
    workplace = models.CharField(max_length=TEXT, blank=True)


class PaymentAccount(PersonFact):
    """The account that a pupil's money goes to, and whose it is."""

    head_name = models.CharField(max_length=TEXT, blank=True)
    head_id = models.BinaryField(null=True)
    head_id_index = models.BinaryField(null=True)
    holder_name = models.CharField(max_length=TEXT, blank=True)
    holder_id = models.BinaryField(null=True)
    holder_id_index = models.BinaryField(null=True)
    relation = models.CharField(max_length=TEXT, blank=True)
    bank = models.CharField(max_length=TEXT, blank=True)
    account = models.BinaryField(null=True)
    account_index = models.BinaryField(null=True)
    account_state = models.CharField(max_length=16)


class StaffPost(PersonFact):
    """A member of staff's post. `retires` is the first day of the month of retirement."""

    department = organisation_key()
    staff_number = models.CharField(max_length=TEXT, blank=True)
    post = models.CharField(max_length=TEXT, blank=True)
    retires = models.DateField(null=True)
    in_hardship = models.BooleanField(null=True)
    hometown = models.CharField(max_length=TEXT, blank=True)
    speciality = models.CharField(max_length=TEXT, blank=True)


class Absence(PersonFact):
    """A day on which an enrolled pupil was away, and why (病假, 事假, 旷课)."""

    kind = models.CharField(max_length=TEXT)


class MealDays(PersonFact):
    """School days of a month on which the pupil ate; `valid_from` is the month's first day."""

    days = models.SmallIntegerField()


class OrganisationFact(Fact):
    """What a list says of an organisation; `attributes` is the JSON of all but name and code."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="facts")
    name = models.CharField(max_length=TEXT)
    code = models.CharField(max_length=TEXT, blank=True)
    attributes = models.TextField()
