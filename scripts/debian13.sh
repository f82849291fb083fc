# shellcheck shell=sh
# Sourced: makes programs of Debian 13 usable beside whatever the machine has: QEMU 10, CRIU 4, redis
# and a JVM to restore.

debian13_packages=qemu-system-x86,criu,redis-server,procps,openjdk-25-jre-headless

# Unpacks Debian 13 into .cache/trixie (once, ~700 MB) and exports
#   REKINDLE_DEBIAN13  the folder; what runs in it needs namespaces of its own (see lab's Sandbox)
#   REKINDLE_QEMU10    a wrapper that runs its QEMU with its own loader and libraries, so that paths
#                      and process ids stay the host's
# Says why where it cannot be made; tests that need it then skip themselves.
prepare_debian13() {
  folder=$PWD/.cache/trixie
  if ! has_debian13_programs "$folder"; then
    make_debian13 "$folder"
  fi
  if has_debian13_programs "$folder"; then
    echo "Debian 13 for the tests: CRIU $(criu_version "$folder")" >&2
    REKINDLE_DEBIAN13=$folder
    export REKINDLE_DEBIAN13
  fi
  if [ -x "$folder/usr/bin/qemu-system-x86_64" ]; then
    export_qemu10 "$folder" "$PWD/.cache/qemu10"
  fi
}

# A folder of an earlier version lacks some of them, and is replaced.
has_debian13_programs() {
  for program in usr/bin/qemu-system-x86_64 usr/sbin/criu usr/bin/redis-server usr/bin/ps usr/bin/java; do
    [ -x "$1/$program" ] || [ -L "$1/$program" ] || return 1
  done
}

criu_version() {
  chroot "$1" criu --version | sed -n 's/^Version: //p'
}

make_debian13() {
  if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "no QEMU 10 and no CRIU 4: making a Debian 13 folder needs root and debootstrap" >&2
    return 0
  fi
  echo "making a Debian 13 folder for QEMU 10 and CRIU 4 in .cache/trixie (once, about a minute) ..." >&2
  if mountpoint -q "$1.part/proc"; then
    umount "$1.part/proc" # an interrupted debootstrap
  fi
  rm -rf "$1.part"
  if ! debootstrap --variant=minbase "--include=$debian13_packages" trixie "$1.part" >.cache/trixie.log 2>&1 </dev/null; then
    tail -n 3 .cache/trixie.log >&2
    echo "no Debian 13 folder: debootstrap failed (log: .cache/trixie.log)" >&2
    rm -rf "$1.part"
    return 0
  fi
  add_newer_criu "$1.part" >>.cache/trixie.log 2>&1 </dev/null ||
    echo "no CRIU of Debian testing beside Debian 13's own (log: .cache/trixie.log); tests that need it will be skipped" >&2
  chroot "$1.part" apt-get clean
  rm -rf "$1.part"/var/lib/apt/lists/* "$1"
  mv "$1.part" "$1"
}

# The CRIU of Debian testing, unpacked in /opt/criu-testing: from Linux 6.16 on, TCP sockets can be
# dumped by CRIU 4.2 and later only, and its page maps have another form.
add_newer_criu() {
  sed 's/trixie/testing/' "$1/etc/apt/sources.list" >"$1/etc/apt/sources.list.d/testing.list"
  # Debian 13's own packages stay what apt takes unless told otherwise.
  printf 'Package: *\nPin: release a=testing\nPin-Priority: 1\n' >"$1/etc/apt/preferences.d/testing"
  # A mirror that is a few weeks behind is as good; signatures are still checked.
  chroot "$1" apt-get -q -o Acquire::Check-Valid-Until=false update &&
    chroot "$1" sh -euc '
      mkdir -p /opt/criu-testing /opt/debs
      cd /opt/debs
      apt-get -q download criu/testing libcompel1/testing libnet9/testing
      for deb in *.deb; do dpkg -x "$deb" /opt/criu-testing; done
      cat >/opt/criu-testing/criu <<END
#!/bin/sh
export LD_LIBRARY_PATH=/opt/criu-testing/usr/lib/x86_64-linux-gnu
exec /opt/criu-testing/usr/sbin/criu "\$@"
END
      chmod +x /opt/criu-testing/criu
      rm -r /opt/debs
      /opt/criu-testing/criu --version'
}

export_qemu10() {
  libraries=$1/usr/lib/x86_64-linux-gnu
  cat >"$2" <<END
#!/bin/sh
export QEMU_MODULE_DIR="$libraries/qemu"
exec "$1/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" "$1/usr/bin/qemu-system-x86_64" -L "$1/usr/share/qemu" -L "$1/usr/share/seabios" "\$@"
END
  chmod +x "$2"
  if version=$("$2" -version 2>&1 </dev/null | head -n 1) && [ -n "$version" ]; then
    echo "QEMU 10 for the tests: $version" >&2
    REKINDLE_QEMU10=$2
    export REKINDLE_QEMU10
  else
    echo "no QEMU 10: $2 does not start" >&2
  fi
}
