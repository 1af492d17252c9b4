#!/bin/sh
# Make a bare Debian in memory, install a package there with apt, and boot it with systemd as its first process.
#
#   bare_debian.sh FOLDER RELEASE PACKAGE NEWER REPORT
#
# FOLDER must exist; it is empty again when this ends, however it ends, because the caller runs it in a mount namespace of its
# own. PACKAGE is installed before the boot. Inside, `inside_debian.sh` upgrades it to NEWER, and its output is copied to REPORT.
set -eu
folder=$1 release=$2 package=$3 newer=$4 report=$5
here=$(cd "$(dirname "$0")" && pwd)

mount -t tmpfs -o mode=755 bare-debian "$folder"
root=$folder/root
mkdir "$folder/tmp"
unset TMPDIR  # there is no such folder inside
TMPDIR=$folder/tmp mmdebstrap --quiet --skip=cleanup/apt/lists --variant=minbase \
    --include=systemd,systemd-sysv,dbus,libpam-systemd,ca-certificates "$release" "$root"
cp /etc/resolv.conf "$root/etc/resolv.conf"
find "$root" -xdev | sort > "$folder/before"
cp "$package" "$newer" "$root/root/"
DEBIAN_FRONTEND=noninteractive chroot "$root" \
    apt-get -qq install --yes --no-install-recommends "/root/$(basename "$package")" > "$folder/apt.log" 2>&1 \
    || { cat "$folder/apt.log"; exit 1; }
chroot "$root" useradd --create-home volunteer

install -m 755 "$here/inside_debian.sh" "$root/root/inside_debian.sh"
cat > "$root/etc/systemd/system/inside.service" <<UNIT
[Unit]
After=multi-user.target dbus.socket
[Service]
Type=oneshot
ExecStart=/root/inside_debian.sh /root/$(basename "$newer")
StandardOutput=append:/root/report
StandardError=inherit
ExecStopPost=/bin/sh -c "exec systemctl poweroff --force --force >/dev/null 2>&1"
[Install]
WantedBy=multi-user.target
UNIT
chroot "$root" systemctl -q enable inside.service

# A network of its own, with a loopback interface alone.
timeout --kill-after=5 240 systemd-nspawn --quiet --directory="$root" --private-network --register=no --keep-unit --boot \
    < /dev/null > "$folder/console" 2>&1 || { cat "$folder/console" "$root/root/report"; exit 1; }
find "$root" -xdev | sort > "$folder/after"
# The control groups of what has ended, which have no process any more.
own=$(sed -n 's|^0::/*||p' /proc/self/cgroup)
find /sys/fs/cgroup -depth -type d \( -path "*/${own:+$own/}payload*" -o -path "*/${own:+$own/}supervisor" \) \
    -exec rmdir {} + 2> /dev/null || true
{
    cat "$root/root/report"
    echo "== left behind"
    comm -13 "$folder/before" "$folder/after" | sed "s|^$root||" | grep -E 'probe|/home|/var/lib/[^/]*$' || true
} > "$report"
