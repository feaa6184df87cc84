#!/usr/bin/env bash
# Makes three versions of a Debian application as OCI image layouts, each of one image:
#
#   DIRECTORY/app-1.0  DIRECTORY/app-1.1  DIRECTORY/app-2.0
#
# Usage: corpus.sh DIRECTORY, as root, with mmdebstrap and umoci installed; DIRECTORY is empty or absent.
# `cargo xtask corpus` runs it and puts the result in its cache.
#
# All three share the blob of the base layer. The layer of packages is built anew for each version, as a rebuilt
# Dockerfile would: another digest, although most files are equal. The third layer holds 19 MiB that are the same in
# every version and 1 MiB that is new. Packages come from where this system's apt gets them.
set -euo pipefail

# Mounts live in a namespace of their own, so none is left behind however this ends.
if [ -z "${CORPUS_NAMESPACE-}" ]; then
  export CORPUS_NAMESPACE=1
  exec unshare --mount --propagation private nice -n 5 bash "$0" "$@"
fi

directory=$(realpath -m "${1:?usage: corpus.sh DIRECTORY}")
work=$directory/.work
layout=$work/layout
export LC_ALL=C DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH=1750000000
mkdir -p "$work"

say() { echo "corpus: $*"; }

# Runs a command and shows what it says only when it fails.
quietly() {
  "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
}

# The archive in every form that apt knows of it: "deb URI SUITE main".
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
every_source=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' \
  'Component: main' | grep -E " $suite(|-updates|-security) main\$" | sort -u)
release_source=$(grep " $suite main\$" <<<"$every_source" | head -n 1)
[ -n "$release_source" ] || { say "apt knows no archive of $suite: run apt-get update" >&2; exit 1; }

# An image that changes nothing: what mmdebstrap makes of the release alone, so that an upgrade has work to do later.
say "base image of $suite"
quietly mmdebstrap --variant=minbase --format=directory --aptopt='APT::Install-Recommends "false"' \
  --include=ca-certificates "$suite" "$work/base" "$release_source"
rm -rf "$work"/base/var/cache/apt/archives/*.deb "$work"/base/dev/* "$work"/base/tmp/*
umoci init --layout "$layout"
umoci new --image "$layout:base"
umoci unpack --image "$layout:base" "$work/bundle"
cp -a "$work/base/." "$work/bundle/rootfs/"
umoci repack --image "$layout:base" "$work/bundle"
umoci config --image "$layout:base" --config.cmd /bin/bash \
  --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
rm -rf "$work/base" "$work/bundle"

# Runs a command in a root file system that has what package scripts need.
inside() {
  local root=$1
  shift
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mknod -m 666 "$root/dev/null" c 1 3
  mknod -m 666 "$root/dev/zero" c 1 5
  mknod -m 666 "$root/dev/urandom" c 1 9
  ln -s /proc/self/fd "$root/dev/fd"
  local status=0
  chroot "$root" "$@" || status=$?
  umount "$root/dev" "$root/proc"
  return "$status"
}

# application VERSION SOURCES UPGRADE(yes|no) PACKAGE...
application() {
  local version=$1 sources=$2 upgrade=$3
  shift 3
  local image=app-$version bundle=$work/bundle root=$work/bundle/rootfs
  say "$image: $*"
  umoci unpack --image "$layout:base" "$bundle"

  cp /etc/resolv.conf "$root/etc/resolv.conf"
  apt-config dump Acquire::http Acquire::https > "$root/etc/apt/apt.conf.d/99corpus"
  printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  echo "$sources" > "$root/etc/apt/sources.list"
  quietly inside "$root" apt-get update
  if [ "$upgrade" = yes ]; then
    quietly inside "$root" apt-get -y --no-install-recommends upgrade
  fi
  quietly inside "$root" apt-get -y --no-install-recommends install "$@"
  rm -rf "$root"/usr/sbin/policy-rc.d "$root"/etc/apt/apt.conf.d/99corpus "$root"/etc/resolv.conf \
    "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/apt "$root"/var/log/dpkg.log "$root"/tmp/*
  umoci repack --refresh-bundle --image "$layout:$image" "$bundle"

  mkdir -p "$root/srv/app/static"
  printf 'VERSION = "%s"\n' "$version" > "$root/srv/app/version.py"
  inside "$root" python3 - "$version" <<'PYTHON'
import random, sys
version = sys.argv[1]
same, new = random.Random(42), random.Random(version)
for number in range(19):
    open(f"/srv/app/static/asset-{number:02}.bin", "wb").write(same.randbytes(1 << 20))
open(f"/srv/app/static/bundle-{version}.bin", "wb").write(new.randbytes(1 << 20))
PYTHON
  umoci repack --image "$layout:$image" "$bundle"
  umoci config --image "$layout:$image" --config.cmd python3 --config.cmd /srv/app/version.py \
    --config.workingdir /srv/app --config.label org.opencontainers.image.version="$version"
  rm -rf "$bundle"

  # A layout of this image alone, for tools that want one image in a layout: a copy whose other tags are dropped.
  cp -al "$layout" "$directory/$image"
  cp --remove-destination "$layout/index.json" "$directory/$image/index.json"
  for other in $(umoci list --layout "$directory/$image"); do
    [ "$other" = "$image" ] || umoci remove --image "$directory/$image:$other"
  done
  umoci gc --layout "$directory/$image"
}

first=(python3 nginx-light python3-numpy python3-lxml)
application 1.0 "$release_source" no "${first[@]}"
application 1.1 "$every_source" yes "${first[@]}" curl
application 2.0 "$every_source" yes "${first[@]}" curl git redis-server python3-pil python3-cryptography
rm -rf "$work"
(cd "$directory" && du -sh -- *)
