"""A term's identification at a school: who is proposed, what was said of him step by step, and what was decided.

Rows that belong to a class keep its path, by which scope is asked. What families, panels and offices write in their
own words is sealed (`sealed.py` lists the cells). What is decided becomes a status in the register (`register.py`).
"""

from __future__ import annotations

from django.db import models

from bangfu.audit.models import Entry
from bangfu.identify.rules import Stage
from bangfu.registry.models import TEXT, Organisation, Person, SourceRow

CODE = 32  # signs of a code of ours


def place_key() -> models.ForeignKey[Organisation, Organisation]:
    """Return a foreign key to a school or class; scope is asked by the path beside it."""
    return models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)


class Round(models.Model):
    """One school's identification in one term, by the procedure as it stood when it was opened (`forms.procedure`)."""

    school = place_key()
    path = models.CharField(max_length=TEXT)
    term = models.CharField(max_length=CODE)
    procedure = models.JSONField()
    opened_on = models.DateField()
    apply_until = models.DateField()  # the last day on which families apply; afterwards only in an emergency
    closed_on = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["school", "term"], name="identify_round_once")]
        indexes = [models.Index(fields=["path", "term"], name="identify_round_place")]


class Case(models.Model):
    """A pupil who is proposed in a round, and how far he is. Nobody leaves it but by a decision or to another school.

    One for a pupil and round, and one more where an emergency comes after it is decided.

    `human` is the pupil over all lists as linked when he was proposed; `person` his record on the school's roll. The
    tiers are codes of the procedure, '' before they are given; `counts` says how many of the panel said which tier.
    """

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="cases")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    human = models.BigIntegerField(db_index=True)
    school_class = place_key()
    path = models.CharField(max_length=TEXT)
    stage = models.CharField(max_length=12, choices=[(stage.value, stage.value) for stage in Stage])
    emergency = models.BooleanField(default=False)
    panel_tier = models.CharField(max_length=CODE, blank=True)
    panel_note = models.CharField(max_length=CODE, blank=True)  # why the panel gave no tier
    counts = models.JSONField(default=dict)
    school_tier = models.CharField(max_length=CODE, blank=True)
    reasons = models.JSONField(default=list)  # codes of the procedure
    notice = models.ForeignKey("Notice", null=True, on_delete=models.PROTECT, related_name="cases")
    continued_in = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="continues")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "person", "emergency"], name="identify_case_once")]
        indexes = [models.Index(fields=["round", "stage", "path"], name="identify_case_stage")]


class Proposal(models.Model):
    """That a register, a teacher, an application or last term's determination proposes a pupil, and of which day.

    `kind` is the status's kind, or 'applied', 'named_by_teacher', 'emergency', 'determined_before'; `row` is the row of
    the list where one says so. `entered` is the register's row once the proposal itself stands in the register.
    """

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="proposals")
    kind = models.CharField(max_length=CODE)
    layout = models.CharField(max_length=TEXT, blank=True)
    list_date = models.DateField()
    row = models.ForeignKey(SourceRow, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    words = models.BinaryField(null=True)
    entered = models.ForeignKey(SourceRow, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    entry = models.ForeignKey(Entry, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "kind", "layout"], name="identify_proposal_once")]


class Pass(models.Model):
    """A code printed for somebody without an account: a family (of `person`) or a member of a panel.

    Only the code's blind index is kept. It opens its own page until its last day.
    """

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="passes")
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    member = models.OneToOneField("PanelMember", null=True, on_delete=models.PROTECT, related_name="pass_code")
    path = models.CharField(max_length=TEXT)
    code_index = models.BinaryField(unique=True)
    until = models.DateField()
    used_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # another one was printed instead

    class Meta:
        indexes = [models.Index(fields=["round", "person"], name="identify_pass_family")]


class Informed(models.Model):
    """That a family has been told of the procedure: how, when, and who says so (clauses I.23, II.7)."""

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="informed")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    path = models.CharField(max_length=TEXT)
    channel = models.CharField(max_length=CODE)
    at = models.DateTimeField()
    by_name = models.CharField(max_length=TEXT)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "person"], name="identify_informed_once")]


class Application(models.Model):
    """What a family asks for: begun, then sent; one for a pupil and round.

    `answers` is the sealed JSON of the form's fields; `consents` names the texts agreed to, each with its day.
    `by_teacher`: typed in from paper.
    """

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="applications")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    path = models.CharField(max_length=TEXT)
    answers = models.BinaryField(null=True)
    consents = models.JSONField(default=dict)
    page = models.CharField(max_length=CODE, blank=True)  # where the family stopped
    by_teacher = models.BooleanField(default=False)
    sent_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "person"], name="identify_application_once")]


class Panel(models.Model):
    """A class's panel in a round. It votes until `until` and is counted once."""

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="panels")
    school_class = place_key()
    path = models.CharField(max_length=TEXT)
    until = models.DateField()
    # Of which state of register, links and cases the recusals are (`panels.state_of`).
    recused_for = models.CharField(max_length=TEXT, blank=True)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "school_class"], name="identify_panel_once")]


class PanelMember(models.Model):
    """Who sits on a panel: as student, teacher or parent. `person`: a student himself; of a parent, his child."""

    panel = models.ForeignKey(Panel, on_delete=models.PROTECT, related_name="members")
    kind = models.CharField(max_length=CODE)
    name = models.CharField(max_length=TEXT)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")


class Recusal(models.Model):
    """That a member does not judge a pupil: it is he himself, or his kin (`why`: self, kin)."""

    member = models.ForeignKey(PanelMember, on_delete=models.PROTECT, related_name="recusals")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="recusals")
    why = models.CharField(max_length=CODE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member", "case"], name="identify_recusal_once")]


class Ballot(models.Model):
    """What a member says of a pupil. The score is sealed, read by nobody before the count and forgotten by it."""

    member = models.ForeignKey(PanelMember, on_delete=models.PROTECT, related_name="ballots")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="ballots")
    score = models.BinaryField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member", "case"], name="identify_ballot_once")]


class Step(models.Model):
    """A move of a case: which, by whom, when, with which tier, reasons and words. None is changed or deleted."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="steps")
    verb = models.CharField(max_length=12)
    stage = models.CharField(max_length=12)  # after it
    tier = models.CharField(max_length=CODE, blank=True)
    reasons = models.JSONField(default=list)
    words = models.BinaryField(null=True)
    actor = models.CharField(max_length=TEXT)
    at = models.DateTimeField()
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")


class Notice(models.Model):
    """A public notice of a round: for the school or one class, from a day to another, both included.

    What it shows is built from its cases while it lasts (`rules.NOTICE_COLUMNS`); afterwards there is nothing to show.
    `token` is the address under which it is open.
    """

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="notices")
    place = place_key()
    path = models.CharField(max_length=TEXT)
    token = models.CharField(max_length=CODE, unique=True)
    first_day = models.DateField()
    last_day = models.DateField()
    withdrawn_at = models.DateTimeField(null=True)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")


class Objection(models.Model):
    """What somebody says against a notice, in confidence: of one line (`case`) or of somebody who is missing.

    States: open, answered, appealed, closed. `upheld` is the last answer's.
    """

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="objections")
    case = models.ForeignKey(Case, null=True, on_delete=models.PROTECT, related_name="objections")
    path = models.CharField(max_length=TEXT)
    state = models.CharField(max_length=12)
    upheld = models.BooleanField(null=True)
    name = models.BinaryField(null=True)
    contact = models.BinaryField(null=True)
    words = models.BinaryField(null=True)
    answer = models.BinaryField(null=True)
    appeal = models.BinaryField(null=True)
    appeal_answer = models.BinaryField(null=True)
    code_index = models.BinaryField(unique=True)  # of the word under which the objector reads the answer
    received_at = models.DateTimeField()
    answered_by = models.CharField(max_length=TEXT, blank=True)
    answered_at = models.DateTimeField(null=True)


class Determination(models.Model):
    """What was decided of a case: its tier, reasons and period, and the register's row that says so.

    `actor` determined; maker and checker stand in the steps. `ended_on` and `end_reason` where it ended early.
    """

    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="determination")
    path = models.CharField(max_length=TEXT)
    tier = models.CharField(max_length=CODE)
    reasons = models.JSONField(default=list)
    valid_from = models.DateField()
    valid_until = models.DateField()  # that day excluded
    row = models.ForeignKey(SourceRow, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    actor = models.CharField(max_length=TEXT)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")
    ended_on = models.DateField(null=True)
    end_reason = models.CharField(max_length=CODE, blank=True)


class Referral(models.Model):
    """That a family which seems to qualify elsewhere was referred to the office that decides (clause I.9).

    `office` and `about` are codes of `library/forms/offices.toml`; `answer` one of its answers, '' while it waits.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    path = models.CharField(max_length=TEXT)
    case = models.ForeignKey(Case, null=True, on_delete=models.PROTECT, related_name="referrals")
    office = models.CharField(max_length=CODE)
    about = models.CharField(max_length=CODE)
    words = models.BinaryField(null=True)
    sent_on = models.DateField()
    due = models.DateField()
    answer = models.CharField(max_length=CODE, blank=True)
    answer_words = models.BinaryField(null=True)
    answered_on = models.DateField(null=True)
    follow_words = models.BinaryField(null=True)  # what was found when somebody asked the family afterwards
    followed_on = models.DateField(null=True)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["path", "due"], name="identify_referral_waiting")]
