#!/usr/bin/env bash
# What makes a root file system of Debian's a box of Vagrant's. Run inside it; the key that Vagrant
# comes with, and replaces at the first boot, is in /root/vagrant.pub.
set -euo pipefail

useradd --create-home --shell /bin/bash vagrant
install -d -m 700 -o vagrant -g vagrant /home/vagrant/.ssh
install -m 600 -o vagrant -g vagrant /root/vagrant.pub /home/vagrant/.ssh/authorized_keys
rm /root/vagrant.pub
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/vagrant
chmod 440 /etc/sudoers.d/vagrant

printf '%s\n' 'auto lo' 'iface lo inet loopback' 'auto eth0' 'iface eth0 inet dhcp' \
    >/etc/network/interfaces
echo '/dev/vda1 / ext4 errors=remount-ro 0 1' >/etc/fstab
echo bookworm >/etc/hostname
printf '127.0.0.1 localhost\n' >/etc/hosts
install -d /boot/extlinux
cat >/boot/extlinux/extlinux.conf <<'CONF'
default linux
label linux
  kernel /vmlinuz
  initrd /initrd.img
  append root=/dev/vda1 ro net.ifnames=0 console=ttyS0 quiet
CONF
systemctl enable --quiet ssh networking
# A machine runs what node.sh says. Debian's packages would start it all at the first boot: a cluster
# of one, an instance, HAProxy; on log-sink, too, and for good.
systemctl disable --quiet corosync pacemaker pcsd pcsd-ruby haproxy postgresql
systemctl mask --quiet logd.service
# Nothing may wake up in the middle of a drill.
systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer
# Each machine makes its own.
rm -f /etc/ssh/ssh_host_* /etc/machine-id
touch /etc/machine-id
cat >/etc/systemd/system/ssh-keys.service <<'CONF'
[Unit]
Before=ssh.service
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A
[Install]
WantedBy=ssh.service
CONF
systemctl enable --quiet ssh-keys
