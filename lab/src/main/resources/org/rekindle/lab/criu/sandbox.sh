# Makes a folder the root of the mount and PID namespaces that this shell is in, then stays as their
# first process until its input ends; the kernel ends every other process of theirs with it.
#   $1 the folder, $2 a folder of the host that is /mnt/work inside
#
# CRIU asks for a real root: it looks every file up in the list of mounts, so a chroot does not do.
set -eu
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
for place in run tmp mnt; do # CRIU keeps what it learns about the kernel in /run, if that is a tmpfs
  mount -t tmpfs "$place" "$root/$place"
done
mkdir "$root/mnt/work" "$root/mnt/host"
mount --bind "$2" "$root/mnt/work"
cd "$root"
pivot_root . mnt/host
umount -l /mnt/host
cd /mnt/work
echo ready
exec env --ignore-signal=CHLD cat # orphans need nobody who waits for them
