# shellcheck shell=sh
# Sourced: makes QEMU 10 of Debian 13 usable beside whatever the machine has.

# Unpacks Debian 13's QEMU into .cache/trixie (once, ~400 MB) and exports REKINDLE_QEMU10: a wrapper
# that runs it with its own loader and libraries, so that paths and process ids stay the host's.
# Says why where it cannot be made; tests that need it then skip themselves.
prepare_qemu10() {
  folder=$PWD/.cache/trixie
  wrapper=$PWD/.cache/qemu10
  if [ ! -x "$folder/usr/bin/qemu-system-x86_64" ]; then
    if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
      echo "no QEMU 10: making a Debian 13 folder needs root and debootstrap" >&2
      return 0
    fi
    echo "making a Debian 13 folder for QEMU 10 in .cache/trixie (once, about a minute) ..." >&2
    if mountpoint -q "$folder.part/proc"; then
      umount "$folder.part/proc" # an interrupted debootstrap
    fi
    rm -rf "$folder.part"
    if ! debootstrap --variant=minbase --include=qemu-system-x86 trixie "$folder.part" >.cache/trixie.log 2>&1 </dev/null; then
      tail -n 3 .cache/trixie.log >&2
      echo "no QEMU 10: debootstrap failed (log: .cache/trixie.log)" >&2
      rm -rf "$folder.part"
      return 0
    fi
    mv "$folder.part" "$folder"
  fi
  libraries=$folder/usr/lib/x86_64-linux-gnu
  cat >"$wrapper" <<END
#!/bin/sh
export QEMU_MODULE_DIR="$libraries/qemu"
exec "$folder/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" "$folder/usr/bin/qemu-system-x86_64" -L "$folder/usr/share/qemu" -L "$folder/usr/share/seabios" "\$@"
END
  chmod +x "$wrapper"
  if version=$("$wrapper" -version 2>&1 </dev/null | head -n 1) && [ -n "$version" ]; then
    echo "QEMU 10 for the tests: $version" >&2
    REKINDLE_QEMU10=$wrapper
    export REKINDLE_QEMU10
  else
    echo "no QEMU 10: $wrapper does not start" >&2
  fi
}
