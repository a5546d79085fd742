"""Run semgrep with our own rules: first on samples, where each rule must fire as they say, then on ours.

`python -m checks [semgrep]`. It needs no network: rules and settings are local, and nothing is sent or asked for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RULES, SAMPLES = HERE / "semgrep.yml", HERE / "samples"
SEMGREP = ROOT / "build" / "check-venv" / "bin" / "semgrep"
ALONE = ["--metrics=off", "--disable-version-check", "--no-git-ignore", "--quiet", "--json"]

Found = set[tuple[str, int, str]]  # file, line, rule


def scan(semgrep: Path, folder: Path, target: str) -> tuple[Found, list[str]]:
    """Return what the rules find below `folder`, and what each says."""
    environment = os.environ | {
        "SEMGREP_SETTINGS_FILE": str(ROOT / "build" / "semgrep-settings.yml"),
        "SEMGREP_SEND_METRICS": "off",
        "SEMGREP_ENABLE_VERSION_CHECK": "0",
        "PATH": f"{semgrep.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    command = [semgrep, "scan", f"--config={RULES}", *ALONE, target]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise SystemExit(f"semgrep failed:\n{done.stdout}\n{done.stderr}") from None
    if told["errors"]:
        raise SystemExit("semgrep could not read everything:\n" + "\n".join(e["message"] for e in told["errors"]))
    found, says = set(), []
    for each in told["results"]:
        rule = each["check_id"].rpartition(".")[2]
        found.add((each["path"], each["start"]["line"], rule))
        says.append(f"{each['path']}:{each['start']['line']}: {rule}: {each['extra']['message']}")
    if not told["paths"]["scanned"]:
        raise SystemExit(f"semgrep has read no file below {folder / target}")
    return found, sorted(says)


def expected() -> Found:
    """Return what the samples say that must be found."""
    found = set()
    for path in sorted(SAMPLES.rglob("*.*")):
        for at, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found |= {(str(path.relative_to(SAMPLES)), at, rule) for rule in re.findall(r"fires: ([a-z-]+)", line)}
    return found


def wrong_samples(found: Found, wanted: Found) -> list[str]:
    """Return where the rules do not fire as the samples say, and the rules that no sample tries."""
    rules = set(re.findall(r"^  - id: (\S+)", RULES.read_text(encoding="utf-8"), re.MULTILINE))
    return [
        *(f"{path}:{line}: {rule} does not fire" for path, line, rule in sorted(wanted - found)),
        *(f"{path}:{line}: {rule} fires and should not" for path, line, rule in sorted(found - wanted)),
        *(f"{rule} is tried by no sample" for rule in sorted(rules - {rule for _, _, rule in wanted})),
    ]


def main(semgrep: Path) -> int:
    """Scan and tell; 1 where something is wrong."""
    found, _ = scan(semgrep, SAMPLES, "bangfu")
    wanted = expected()
    wrong = wrong_samples(found, wanted)
    _, ours = scan(semgrep, ROOT, "bangfu")
    for line in [*wrong, *ours]:
        print(line, file=sys.stderr)
    rules = {rule for _, _, rule in wanted}
    print(f"{len(rules)} rules, fired {len(found)} times on samples; {len(ours)} findings in bangfu")
    return int(bool(wrong or ours))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else SEMGREP))
