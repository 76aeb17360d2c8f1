#!/bin/sh
# The real servers that the tests talk to. Without them those tests are skipped, loudly.
missing=""
for name in "$@"; do
    command -v "$name" >/dev/null 2>&1 || missing="$missing $name"
done
[ -z "$missing" ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "Installing the servers that the tests talk to:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # The packages would start services of their own; the tests start theirs, on ports of their choosing.
    policy=/usr/sbin/policy-rc.d
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && trap 'rm -f /usr/sbin/policy-rc.d' EXIT; }
    apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null && exit 0
fi
echo "*** Tests against real servers will be SKIPPED. Install:$missing (Debian, Ubuntu: sudo apt-get install$missing) ***" >&2
exit 0
