"""Roles, and which of them may not meet in one person."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from bangfu.core.actor import Actor
from bangfu.core.errors import BangfuError

# Beside the keys of an installation, or else as shipped: which roles must have a second factor.
SIGN_IN_FILE = "sign-in.toml"

# What is printed on slips and stands in addresses; 32 signs at most, a name 64.
STAFF_NUMBER = re.compile(r"\w[\w.@-]*")
MOST_SIGNS, MOST_NAME_SIGNS = 32, 64


class Role(StrEnum):
    """What a person is here to do."""

    SYSTEM_ADMIN = "system_admin"
    COUNTY_BUREAU = "county_bureau"
    PRINCIPAL = "principal"
    AID_OFFICER = "aid_officer"
    FINANCE_OFFICER = "finance_officer"
    CLASS_TEACHER = "class_teacher"
    PAIRING_OFFICE = "pairing_office"
    HELPER = "helper"
    AUDITOR = "auditor"


# Maker and checker differ (design, section 8): who keeps the register does not pay, who audits does neither,
# and who runs the machine holds no list.
APART = (
    frozenset({Role.AID_OFFICER, Role.FINANCE_OFFICER}),
    *(frozenset({Role.AUDITOR, role}) for role in Role if role is not Role.AUDITOR),
    *(frozenset({Role.SYSTEM_ADMIN, role}) for role in (Role.AID_OFFICER, Role.FINANCE_OFFICER, Role.COUNTY_BUREAU)),
)


# Who may settle what another post has not: the county's office answers for its schools, a head hands on.
SETTLERS = (
    Role.COUNTY_BUREAU, Role.PRINCIPAL, Role.AID_OFFICER, Role.FINANCE_OFFICER, Role.CLASS_TEACHER, Role.PAIRING_OFFICE,
)  # fmt: skip


def holds_post(by: Actor, post: str, path: str, *above: Role) -> bool:
    """Tell whether the actor holds this post, or one of the roles above it, over the organisation at `path`."""
    return by.everywhere or any(reach.role in (post, *above) and path.startswith(reach.path) for reach in by.reaches)


def may_meet(first: Role, second: Role) -> bool:
    """Tell whether one person may hold both roles at the same time."""
    return frozenset({first, second}) not in APART


def roles_with_second_factor(content: dict[str, Any], file: str) -> frozenset[Role]:
    """Return the roles that a sign-in file names; BangfuError says what was expected where it says anything else."""
    named = content.get("second_factor")
    known = [role.value for role in Role]
    if set(content) != {"second_factor"} or not isinstance(named, list) or not all(name in known for name in named):
        raise BangfuError("sign_in_file_wrong", path=file, known=", ".join(known))
    return frozenset(map(Role, named))
