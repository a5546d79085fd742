"""The five entitlements of spring 2025 by hand, in the SQL that one would write for exactly these: no policy files.

It gives the same columns, labels and reasons as ours; `tests.bench.rulebook` checks that no row differs.
"""

POLICIES = {
    "boarding_allowance": {
        "noes": ["compulsory", "enrolled", "in_hardship", "boarding"],
        "waits": [
            "unknown:stage",
            "invalid:stage",
            "unknown:enrolled",
            "unknown:hardship_level",
            "unknown:boarding",
            "invalid:hardship_level",
            "unknown:days_enrolled",
            "invalid:days_enrolled",
        ],
        "case": "boarder",
        "version": "2024-02-01",
    },
    "day_allowance": {
        "noes": ["compulsory", "enrolled", "not_boarding", "four_classes"],
        "waits": [
            "unknown:stage",
            "invalid:stage",
            "unknown:enrolled",
            "unknown:boarding",
            "unknown:registered_poor",
            "unknown:monitored",
            "unknown:minimum_living",
            "invalid:minimum_living",
            "unknown:destitute",
            "unknown:disabled",
            "unknown:hardship_level",
            "invalid:hardship_level",
            "unknown:days_enrolled",
            "invalid:days_enrolled",
        ],
        "case": "half_of_boarder",
        "version": "2024-02-01",
    },
    "free_textbooks": {
        "noes": ["compulsory", "enrolled"],
        "waits": ["unknown:stage", "invalid:stage", "unknown:enrolled"],
        "case": "sets",
        "version": "2017-09-01",
    },
    "nutrition_plan": {
        "noes": ["compulsory", "enrolled", "plan_area"],
        "waits": [
            "unknown:stage",
            "invalid:stage",
            "unknown:enrolled",
            "unknown:nutrition_area",
            "invalid:nutrition_area",
            "unknown:meal_days",
            "invalid:meal_days",
        ],
        "case": "meals",
        "version": "2021-09-01",
    },
    "senior_grant": {
        "noes": ["senior_high", "enrolled", "in_hardship"],
        "waits": [
            "unknown:stage",
            "invalid:stage",
            "unknown:enrolled",
            "unknown:hardship_level",
            "invalid:hardship_level",
        ],
        "case": "a_term",
        "version": "2025-02-01",
    },
}


def _types() -> list[str]:
    made = []
    for name, parts in POLICIES.items():
        labels = {
            "decision": [*parts["noes"], *parts["waits"], "yes"],
            "case": ["-", parts["case"]],
            "version": ["-", parts["version"]],
        }
        for part, values in labels.items():
            listed = ", ".join(f"'{value}'" for value in values)
            made.append(f"CREATE TYPE {name}_{part} AS ENUM ({listed})")
    return made


def _labels(name: str) -> str:
    """Return case and version where the decision is yes."""
    parts = POLICIES[name]
    found = []
    for part in ("case", "version"):
        type_ = f"{name}_{part}"
        found.append(
            f"CASE WHEN {name}__decision = 'yes'::{name}_decision THEN '{parts[part]}'::{type_} ELSE '-'::{type_} END"
            f" AS {name}__{part}"
        )
    return ", ".join(found)


def _no(name: str, *pairs: tuple[str, str]) -> str:
    """Return the branches of a decision: conditions and the codes that they mean."""
    return " ".join(f"WHEN {condition} THEN '{code}'::{name}_decision" for condition, code in pairs)


def _fact(name: str, raw: str | None = None) -> list[tuple[str, str]]:
    """Return the branches for a fact that is not known; with `raw`, for one that is impossible, too."""
    if raw is None:
        return [(f"{name} IS NULL", f"unknown:{name}")]
    return [(f"{raw} IS NULL", f"unknown:{name}"), (f"{name} IS NULL", f"invalid:{name}")]


STAGE, LEVEL = _fact("stage", "raw_stage"), _fact("hardship_level", "raw_level")
DAYS = _fact("days_enrolled", "raw_days")
CLEAN = """
SELECT student, stage AS raw_stage, hardship_level AS raw_level, minimum_living AS raw_living,
    nutrition_area AS raw_area, meal_days AS raw_meals, days_enrolled AS raw_days,
    CASE WHEN stage IN ('kindergarten', 'primary', 'junior', 'senior', 'vocational', 'undergraduate', 'postgraduate')
        THEN stage END AS stage,
    CASE WHEN hardship_level IN ('severe', 'moderate', 'mild', 'none') THEN hardship_level END AS hardship_level,
    CASE WHEN minimum_living IN ('rural', 'urban', 'none') THEN minimum_living END AS minimum_living,
    CASE WHEN nutrition_area IN ('national', 'local', 'none') THEN nutrition_area END AS nutrition_area,
    CASE WHEN meal_days BETWEEN 0 AND 151 THEN meal_days END AS meal_days,
    CASE WHEN days_enrolled BETWEEN 0 AND 151 THEN days_enrolled END AS days_enrolled,
    enrolled, boarding, registered_poor, monitored, destitute, disabled
FROM facts"""
TESTS = f"""
SELECT *, stage IN ('primary', 'junior') AS compulsory, stage = 'senior' AS senior_high,
    hardship_level IN ('severe', 'moderate', 'mild') AS in_hardship, NOT boarding AS not_boarding,
    nutrition_area IN ('national', 'local') AS plan_area,
    registered_poor OR monitored OR minimum_living = 'rural' OR destitute
        OR (disabled AND hardship_level IN ('severe', 'moderate', 'mild')) AS four_classes
FROM ({CLEAN})"""
FOUR = [
    *_fact("registered_poor"),
    *_fact("monitored"),
    *_fact("minimum_living", "raw_living"),
    *_fact("destitute"),
    *_fact("disabled"),
    *LEVEL,
]


def _decision(name: str, unknown: list[tuple[str, str]], amount: list[tuple[str, str]]) -> str:
    noes = [(f"NOT {code}", code) for code in POLICIES[name]["noes"]]
    return f"CASE {_no(name, *noes, *unknown, *amount)} ELSE 'yes'::{name}_decision END AS {name}__decision"


OPEN = [*STAGE, *_fact("enrolled")]
FOUR_OPEN = [(f"four_classes IS NULL AND {condition}", code) for condition, code in FOUR]
DECISIONS = f"""
SELECT *,
    {_decision("boarding_allowance", [*OPEN, *LEVEL, *_fact("boarding")], DAYS)},
    {_decision("day_allowance", [*OPEN, *_fact("boarding"), *FOUR_OPEN], DAYS)},
    {_decision("nutrition_plan", [*OPEN, *_fact("nutrition_area", "raw_area")], _fact("meal_days", "raw_meals"))},
    {_decision("free_textbooks", OPEN, [])},
    {_decision("senior_grant", [*OPEN, *LEVEL], [])}
FROM ({TESTS})"""
RATE = "CASE stage WHEN 'primary' THEN 62500 ELSE 75000 END"
SUMS = {
    "boarding_allowance": f"(2 * {RATE} * days_enrolled::BIGINT + 151) // 302",
    "day_allowance": f"(2 * {RATE} * days_enrolled::BIGINT + 302) // 604",
    "nutrition_plan": "500 * meal_days::BIGINT",
    "free_textbooks": "1",
    "senior_grant": "115000",
}


def _columns(name: str) -> str:
    noes, decision = POLICIES[name]["noes"], f"{name}__decision"
    no = " OR ".join(f"NOT {code}" for code in noes)
    bits = " + ".join(f"CASE WHEN NOT {c} THEN {1 << at}::UTINYINT ELSE 0::UTINYINT END" for at, c in enumerate(noes))
    amount = f"CASE WHEN {decision} = 'yes'::{name}_decision THEN {SUMS[name]} WHEN {no} THEN 0 END::BIGINT"
    return f"{amount} AS {name}__amount, {bits} AS {name}__failed, {decision}, {_labels(name)}"


SELECT = f"SELECT student, {', '.join(map(_columns, POLICIES))} FROM ({DECISIONS})"
SQL = ";".join([*_types(), SELECT])
