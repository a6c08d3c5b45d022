#!/bin/bash
# Repairs /etc/logrotate.d/orderd and /etc/init.d/orderd, then rotates for real.
set -euo pipefail

# First I read all that takes part: the fragment, the host's defaults, the init script and the service's own configuration.
cat /etc/logrotate.d/orderd /etc/logrotate.conf /etc/init.d/orderd /etc/orderd/orderd.conf
ls -l /etc/logrotate.d/orderd; ls -la /var/log/orderd
orderd --help

# A dry run shows what logrotate itself objects to.
logrotate -d /etc/logrotate.conf 2>&1 | grep -E -i -A3 'error|warning|orderd' || true

# Before the rotation the service: I start it and ask the init script how it is.
/etc/init.d/orderd start; orderctl 'first order'
/etc/init.d/orderd status || echo "status says $?"
ls /run/orderd /run/orderd.pid || true

# The script looks for /run/orderd.pid while the daemon writes /run/orderd/orderd.pid, and reload sends USR1, which only writes statistics; HUP is the signal that reopens the logs. I correct both.
sed -i -e 's|^PIDFILE=.*|PIDFILE=/run/orderd/orderd.pid|' -e 's/--signal USR1/--signal HUP/' /etc/init.d/orderd
/etc/init.d/orderd status && /etc/init.d/orderd reload && echo "reload $?"

# logrotate refuses the fragment for its mode. With that corrected, what does it say next?
chmod 644 /etc/logrotate.d/orderd
logrotate -d /etc/logrotate.conf 2>&1 | grep -E -i -A2 'error|warning' || true

# The folder is group-writable on purpose, so the fragment needs su. It also has to cover both logs, override dateext, go by size alone, keep the newest old log plain and create files that the daemon can write; a failing reload must be seen.
cat > /etc/logrotate.d/orderd <<'EOF'
# logs of the order service
/var/log/orderd/orders.log /var/log/orderd/audit.log {
    su root adm
    size 64k
    rotate 6
    nodateext
    compress
    delaycompress
    create 0640 orderd adm
    missingok
    notifempty
    sharedscripts
    postrotate
        /etc/init.d/orderd reload
    endscript
}
EOF
logrotate -d /etc/logrotate.conf 2>&1 | grep -E -i 'error|warning|needs rotating|does not need' || true

# A real run with a state file of my own, so that the host's is not touched. The overgrown logs should rotate now.
pid=$(cat /run/orderd/orderd.pid)
logrotate -s /tmp/rotate.state /etc/logrotate.conf && stat -c '%A %U:%G %s %n' /var/log/orderd/*

# The last question is whether the daemon has followed: an order must land in the fresh file, from the same process, and a second rotation must compress the older one. Long orders fill orders.log alone, so audit.log must stay as it is.
orderctl 'after the rotation' && tail -n 1 /var/log/orderd/orders.log
[ "$(pgrep -f /usr/local/sbin/orderd)" = "$pid" ] && echo "the same process as before"
seq 1 250 | sed "s/\$/ $(printf '%0300d' 0)/" | orderctl -
logrotate -s /tmp/rotate.state /etc/logrotate.conf && orderctl 'second round' && stat -c '%s %n' /var/log/orderd/*
zcat /var/log/orderd/orders.log.2.gz | tail -n 2 | cut -c1-60; cat /var/log/orderd/orders.log
/etc/init.d/orderd stop; /etc/init.d/orderd status || echo "down: $?"
/etc/init.d/orderd start && /etc/init.d/orderd status && echo "up again"
rm -f /tmp/rotate.state
