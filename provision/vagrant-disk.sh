#!/usr/bin/env bash
# vagrant-disk.sh ROOT FILE: a box for Vagrant's libvirt provider, with ROOT on its disk. Run in a
# mount namespace of its own: unshare --mount.
set -euo pipefail

root=$1 file=$2
start=2048 # sectors of 512 bytes before the partition
work=$(mktemp -d)
loop=
trap 'umount "$work/root" 2>/dev/null || true
      [ -z "$loop" ] || losetup --detach "$loop"
      rm -rf "$work"' EXIT

truncate --size 6G "$work/disk"
echo "start=$start, type=83, bootable" | sfdisk --quiet "$work/disk"
loop=$(losetup --find --show --offset $((start * 512)) "$work/disk")
# What extlinux can read.
mkfs.ext4 -q -O '^64bit,^metadata_csum' "$loop"
mkdir "$work/root"
mount "$loop" "$work/root"
cp -a "$root/." "$work/root"
extlinux --install "$work/root/boot/extlinux"
umount "$work/root"
losetup --detach "$loop"
loop=
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$work/disk" bs=440 count=1 conv=notrunc status=none

qemu-img convert -O qcow2 "$work/disk" "$work/box.img"
echo '{"provider": "libvirt", "format": "qcow2", "virtual_size": 6}' >"$work/metadata.json"
tar --create --gzip --file "$file" --directory "$work" metadata.json box.img
