#!/usr/bin/env bash
# The tests of what runs in a browser: the dashboard's types and units, the built pages driven in Chromium against
# the real product and against the emulators, and Firestore's rules. Needs Node.js, npm and Chromium; with CI=true
# none of them may be missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing() {
  if [ "${CI:-}" = true ]; then
    echo "missing: $1" >&2
    exit 1
  fi
  echo "skipped, what runs in a browser: $1"
  exit 0
}

# As package.json says under "engines".
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
  2>/dev/null || missing "Node.js 20.19 or newer"
command -v npm >/dev/null || missing "npm"
[ -x "${CHROMIUM:=/usr/bin/chromium}" ] || missing "a browser at $CHROMIUM (set CHROMIUM)"
export CHROMIUM

# Once for each lock file, as make does it.
install() {
  local installed="$1/node_modules/.package-lock.json"
  [ "$installed" -nt "$1/package-lock.json" ] && return
  npm ci --prefix "$1" --no-audit --no-fund --loglevel=error
  touch "$installed"
}

install firestore_rules
install cloud_run/dashboard

for suite in check test; do
  npm run --silent --prefix firestore_rules "$suite"
done
for suite in check types:check test build e2e; do
  npm run --silent --prefix cloud_run/dashboard "$suite"
done
