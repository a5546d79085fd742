"""Users and their dated grants."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from bangfu.accounts.rules import MOST_NAME_SIGNS, MOST_SIGNS, Role


class User(AbstractBaseUser):
    """A person who signs in with a staff number. What is open to them is in their grants alone."""

    staff_number = models.CharField(max_length=MOST_SIGNS, unique=True)
    name = models.CharField(max_length=MOST_NAME_SIGNS)
    is_active = models.BooleanField(default=True)
    # The password was printed on a slip: its owner chooses another one at the first sign-in.
    must_change_password = models.BooleanField(default=False)

    USERNAME_FIELD = "staff_number"
    objects = BaseUserManager()


class Grant(models.Model):
    """A role held at an organisation from a day until another (that day excluded)."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="grants")
    role = models.CharField(max_length=32, choices=[(role.value, role.value) for role in Role])
    # The organisation's path: accounts lie below the registry, so they know the place, not the table.
    path = models.CharField(max_length=255)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="accounts_grant_period",
                condition=models.Q(valid_until=None) | models.Q(valid_until__gte=models.F("valid_from")),
            )
        ]
