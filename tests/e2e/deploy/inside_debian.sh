#!/bin/sh
# Everything a package does on a host, once: install, set up, run, confine, upgrade, remove. Runs as root inside the Debian that
# bare_debian.sh makes, and prints a heading "== NAME" before what each part says. test_debian.py reads it.
set -u
newer=$1

part() { echo "== $*"; }
# Wait for a condition, at most 40 seconds.
wait_for() {
    tries=200
    until "$@" > /dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "waited in vain for: $*"; return 1; }
        sleep 0.2
    done
}
logged() { journalctl --quiet --no-pager --unit="$1" --grep="$2"; }
show() { systemctl show --property="$2" --value "$1"; }
# What a compromised process of a service could do.
confinement() {
    grep -E '^(Uid|NoNewPrivs|Seccomp|CapEff|CapBnd):' "/proc/$1/status" | tr '\t' ' '
    for place in /usr /etc /root /home /var /tmp; do
        nsenter --target "$1" --mount touch "$place/written" 2> /dev/null && echo "can write: $place"
    done
    [ ! -e /tmp/written ] || echo "shares /tmp"
    grep VmHWM "/proc/$1/status"
}

part nothing enabled
systemctl is-enabled probe-agent.service probe-agent-once.timer probe-collector.service
systemctl start probe-agent.service
show probe-agent.service ActiveState
part no consent
probe run --once
echo "exit status $?"
part files
command -v probe
ls -ld /etc/probe /var/lib/probe | awk '{print $1, $3, $4, $NF}'
probe --version

part lab
mkdir /srv/www
echo '<html><head><title>A page</title></head><body>A page of a laboratory.</body></html>' > /srv/www/index.html
systemd-run --quiet --unit=lab-web --property=DynamicUser=yes \
    /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /srv/www 8080
wait_for python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8080))'

part check
probe check http://127.0.0.1:8080/ tcp://127.0.0.1:8080 --anchor http://127.0.0.1:8080/ --trusted-resolver '' --pace 0 2>&1
echo "exit status $?"

# Settings of the laboratory. Consent, network and country come from `probe setup`.
settings() {
    cat <<TOML
[measure]
anchors = ["http://127.0.0.1:8080/"]
trusted_resolvers = []
pace = 0
[targets]
files = ["$1"]
TOML
}
answers="--accept-risks --force --asn 64500 --country ZZ --services none --collector none --start systemd"
printf 'url\nhttp://127.0.0.1:8080/\n' > /etc/probe/targets.csv

part setup
settings /etc/probe/targets.csv > /etc/probe/probe.toml
# shellcheck disable=SC2086  # a list of words
probe setup $answers 2>&1
echo "exit status $?"

part agent
show probe-agent.service ActiveState
wait_for logged probe-agent 'round state=online'
logged probe-agent 'round state=' | sed 's/.*: //'
confinement "$(show probe-agent.service MainPID)"
ls -l /etc/probe/probe.toml | awk '{print $1, $3, $4}'
systemctl reload probe-agent.service
show probe-agent.service ActiveState

part status
probe status 2>&1
echo "exit status $?"

part upgrade
before=$(show probe-agent.service MainPID)
dpkg --install "$newer" 2>&1 | grep -v -i reading
wait_for test "$(show probe-agent.service ActiveState)" = active
[ "$(show probe-agent.service MainPID)" != "$before" ] && echo "restarted"
show probe-agent.service ActiveState
[ -s /etc/probe/probe.toml ] && echo "settings kept"
dpkg-query --show reachability-probe

part once
systemctl stop probe-agent.service
systemctl start probe-agent-once.service
show probe-agent-once.service Result
systemctl start probe-agent-once.timer
show probe-agent-once.timer ActiveState
systemctl stop probe-agent-once.timer

part cron
runuser -u _probe -- sh -c "$(sed -n 's/^[*].* _probe //p' /usr/share/doc/reachability-probe/examples/probe)"
echo "exit status $?"

part collector
systemctl start probe-collector.service
wait_for python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:8017/readyz")'
show probe-collector.service ActiveState
confinement "$(show probe-collector.service MainPID)"

part control
printf '[agent]\nconsent = true\n' > /etc/probe/control.toml
settings /etc/probe/targets.csv >> /etc/probe/control.toml
install -D -m 644 /usr/share/doc/reachability-probe/examples/control.conf \
    /etc/systemd/system/probe-collector.service.d/control.conf
systemctl daemon-reload
systemctl restart probe-collector.service
wait_for python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:8017/readyz")'
wait_for logged probe-collector 'round state=online'
show probe-collector.service ActiveState

part user
user=$(id -u volunteer)
systemctl start "user@$user.service"
as_user() { runuser -u volunteer -- env XDG_RUNTIME_DIR="/run/user/$user" HOME=/home/volunteer "$@"; }
as_user mkdir -p /home/volunteer/.config/probe
printf 'url\nhttp://127.0.0.1:8080/\n' > /home/volunteer/targets.csv
settings /home/volunteer/targets.csv > /home/volunteer/.config/probe/probe.toml
chown -R volunteer: /home/volunteer
as_user systemctl --user is-enabled probe-agent.service
# shellcheck disable=SC2086  # a list of words
as_user probe setup $answers > /dev/null 2>&1
echo "exit status $?"
as_user systemctl --user show --property=ActiveState --value probe-agent.service
wait_for journalctl --quiet --no-pager "_UID=$user" --grep='round state=online'
as_user probe status 2>&1 | head -n 3
grep -q ProtectSystem=strict /home/volunteer/.config/systemd/user/probe-agent.service && echo "files confined"
confinement "$(as_user systemctl --user show --property=MainPID --value probe-agent.service)"
ls -ld /home/volunteer/.local/state/probe | awk '{print $1, $3}'
as_user systemctl --user stop probe-agent.service
rm -rf /home/volunteer/.config /home/volunteer/.local /home/volunteer/targets.csv

part remove
systemctl start probe-agent.service
dpkg --remove reachability-probe 2>&1 | grep -v -i reading
show probe-agent.service ActiveState
[ -e /etc/probe/probe.toml ] && echo "settings kept"
part purge
dpkg --purge reachability-probe 2>&1 | grep -v -i reading
getent passwd _probe || echo "no user"
