#!/bin/sh
# Starts Alertmanager with the webhook that ALERT_WEBHOOK_URL names. It fills in no variables by
# itself, and an address can be a secret: so it is in no file but this temporary one.
set -eu
here=$(dirname "$0")
umask 077
configuration=$(mktemp)
if [ -n "${ALERT_WEBHOOK_URL:-}" ]; then
  url=$(printf %s "$ALERT_WEBHOOK_URL" | sed 's/[\\&|]/\\&/g')
  sed "s|http://webhook.invalid/|$url|" "$here/alertmanager.yml" >"$configuration"
else
  sed '/^ *webhook_configs:/d' "$here/alertmanager.yml" >"$configuration"
fi
exec alertmanager --config.file="$configuration" "$@"
