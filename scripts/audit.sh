#!/bin/sh
# Known vulnerabilities in what constraints.txt pins. Ends with 1 if there are any, or if only
# some packages could be looked up. Without a network it says so and ends with 0; with STRICT=1 it
# ends with 1.
set -eu
cd "$(dirname "$0")/.."
bin=${BIN:-.venv/bin}
report=$(mktemp)
trap 'rm -f "$report" "$report.said"' EXIT
# Everything is pinned, so nothing has to be resolved or installed. The exit code is ignored:
# pip-audit finds "no known vulnerabilities" in packages that it could not look up.
"$bin/pip-audit" --requirement constraints.txt --no-deps --disable-pip --progress-spinner off \
    --timeout 15 --format json >"$report" 2>"$report.said" || true
STRICT=${STRICT:-0} "$bin/python" - "$report" <<'END'
import json, os, sys

try:
    with open(sys.argv[1]) as file:
        packages = json.load(file)["dependencies"]
except ValueError:
    packages = []
skipped = [p["name"] for p in packages if "skip_reason" in p]
audited = [p for p in packages if "skip_reason" not in p]
found = [(p["name"], p["version"], v) for p in audited for v in p["vulns"]]
if not audited:
    print(
        "audit: NOT DONE: the advisories can't be reached from here, so nothing is known about "
        "the pinned packages.",
        file=sys.stderr,
    )
    with open(sys.argv[1] + ".said") as file:
        print(*(line.rstrip()[:200] for line in file.readlines()[-2:]), sep="\n", file=sys.stderr)
    sys.exit(os.environ["STRICT"] != "0")
for name, version, advisory in found:
    fixed = ", ".join(advisory["fix_versions"]) or "no release yet"
    print(f"audit: {name} {version}: {advisory['id']}, fixed in {fixed}")
print(f"audit: {len(audited)} packages looked up, {len(found)} known vulnerabilities.")
if skipped:
    print(f"audit: not looked up: {', '.join(skipped)}.", file=sys.stderr)
sys.exit(bool(found or skipped))
END
