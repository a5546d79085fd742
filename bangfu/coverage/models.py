"""Who is who over all lists, what state each pupil is in, and each difference between lists with its owner."""

from __future__ import annotations

from django.db import models

from bangfu.accounts.models import User
from bangfu.audit.models import Entry
from bangfu.registry.models import TEXT, Organisation, Person, SourceRow


class Progress(models.Model):
    """One row: counts the writes of links and answers, and the last file whose people have been linked."""

    version = models.BigIntegerField(default=0)
    linked_until = models.BigIntegerField(default=0)


class Verdict(models.TextChoices):
    """What a link says of two records."""

    SAME = "same"
    DIFFERENT = "different"
    DOUBTFUL = "doubtful"


class Link(models.Model):
    """That two records (left < right) are one person, are not, or may be: found by the program or decided.

    `how` is the key or 'probable' where the program found it, 'person' where somebody decided; `probability` is in
    parts of a million; `agrees` says of each field how it agrees, never what it holds. `made_in` and `ended_in` are
    the entries of the trail, with who and why; `digest` covers all but these two, and the entry holds the digest of
    what it made and ended. No row is deleted.
    """

    id = models.BigIntegerField(primary_key=True)
    left = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    right = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=9, choices=Verdict.choices)
    how = models.CharField(max_length=16)
    probability = models.IntegerField()
    agrees = models.JSONField()
    digest = models.BinaryField()
    made_in = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")
    ended_in = models.ForeignKey(Entry, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(left__lt=models.F("right")), name="coverage_link_ordered"),
            models.UniqueConstraint(
                fields=["left", "right", "verdict"],
                condition=models.Q(ended_in=None),
                name="coverage_link_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["verdict", "id", "left", "right"],
                condition=models.Q(ended_in=None),
                name="coverage_link_standing",
            )
        ]


class Question(models.Model):
    """A standing link that the page of questions lists, doubtful or 'different', and the place that both ends lie in.

    Found by this path, for in a link itself it would take four other tables to know whose it is. Rebuilt from the
    links and the register whenever records are linked, never written otherwise.
    """

    link = models.OneToOneField(Link, primary_key=True, on_delete=models.CASCADE, related_name="question")
    verdict = models.CharField(max_length=9)
    path = models.CharField(max_length=TEXT)

    class Meta:
        indexes = [
            models.Index(
                fields=["path", "link", "verdict"],
                # In PostgreSQL's order of bytes, in which LIKE can be answered; SQLite needs no such classes.
                opclasses=["varchar_pattern_ops", "int8_ops", "text_ops"],
                name="coverage_question_place",
            )
        ]


class Alias(models.Model):
    """A record that is the same person as an earlier one: the human's code is its lowest record's id.

    A record without a row here stands for itself. Rebuilt from the links, never written otherwise.
    """

    record = models.OneToOneField(Person, primary_key=True, on_delete=models.PROTECT, related_name="+")
    human = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")


class Named(models.Model):
    """What a record is called now, for finding it: by the beginning of the name, or of its pinyin's initials (zxm).

    Rebuilt from the register whenever records are linked, never written otherwise.
    """

    record = models.OneToOneField(Person, primary_key=True, on_delete=models.CASCADE, related_name="+")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=TEXT)
    initials = models.CharField(max_length=TEXT)

    class Meta:
        indexes = [
            models.Index(fields=["name"], name="coverage_named_name"),
            models.Index(fields=["initials"], name="coverage_named_initials"),
            models.Index(fields=["organisation", "name"], name="coverage_named_place"),
        ]


class Run(models.Model):
    """One reckoning of coverage: of which day, over which state of register and links, and its totals."""

    day = models.DateField()
    register_version = models.BigIntegerField()
    links_version = models.BigIntegerField()
    totals = models.JSONField()
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")


class PupilState(models.Model):
    """The state of an enrolled pupil at the last run, and which lists propose him (joined by ';').

    `path` is the class's: the pages list by scope and state in its order, without looking at other pupils.
    """

    human = models.OneToOneField(Person, primary_key=True, on_delete=models.PROTECT, related_name="+")
    school_class = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    path = models.CharField(max_length=TEXT)
    state = models.CharField(max_length=12)
    bases = models.CharField(max_length=255, blank=True)

    class Meta:
        indexes = [
            # In the order of signs, which PostgreSQL can be asked for whatever its language; SQLite has no other.
            models.Index(
                fields=["state", "path", "human"],
                opclasses=["varchar_ops", "varchar_pattern_ops", "int8_ops"],
                name="coverage_pupil_by_state",
            ),
            models.Index(
                fields=["path", "human"],
                opclasses=["varchar_pattern_ops", "int8_ops"],
                name="coverage_pupil_by_place",
            ),
        ]


class PlaceTotal(models.Model):
    """How many pupils are in a state, or differences of a code open, at an organisation with all below it (null: all).

    What could be counted each time is kept, for a page of a county would count a million rows. Written with each
    reckoning, and again for the places of a difference that is answered. A difference counts where its record is and
    where its owner is, once.
    """

    organisation = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    name = models.CharField(max_length=32)
    count = models.IntegerField()
    first_due = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="coverage_total_once")]


class Difference(models.Model):
    """A difference between lists: what it is, in which rows, who must settle it by when, and the answer.

    `path` and `owner_path` are those of `organisation` and `owner`, so that one index answers what is open to whom.
    `says` names the facts that differ: an answer stands until they are other facts. `answer` is one of the code's
    answers in `library/coverage/differences.toml`; `evidence` is sealed, for people write names into it.
    """

    id = models.BigIntegerField(primary_key=True)
    code = models.CharField(max_length=32)
    record = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    other = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    row = models.ForeignKey(SourceRow, on_delete=models.PROTECT, related_name="+", db_index=False)
    other_row = models.ForeignKey(SourceRow, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    path = models.CharField(max_length=TEXT)
    owner_path = models.CharField(max_length=TEXT)
    post = models.CharField(max_length=32)
    due = models.DateField()
    says = models.CharField(max_length=255)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    # Who has been asked to settle it, if not whoever holds the post.
    assignee = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    answer = models.CharField(max_length=32, blank=True)
    evidence = models.BinaryField(null=True)
    answered_in = models.ForeignKey(Entry, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [
            models.Index(
                fields=["due", "id", "path", "owner_path"],
                condition=models.Q(closed_at=None, answer=""),
                name="coverage_difference_waiting",
            ),
            models.Index(
                fields=["code", "due", "id", "path", "owner_path"],
                condition=models.Q(closed_at=None, answer=""),
                name="coverage_difference_code",
            ),
        ]
