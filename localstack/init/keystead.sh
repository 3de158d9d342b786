#!/bin/sh
# What Keystead expects to find: its two tables, as infra/tables.yml has them, and the event bus. LocalStack runs this
# when it is ready; on any other server: AWS=aws AWS_ENDPOINT_URL=http://127.0.0.1:8000 localstack/init/keystead.sh
# An empty KEYSTEAD_EVENT_BUS makes none, where there is no EventBridge. Safe to repeat.
set -eu
aws=${AWS:-awslocal}
export AWS_REGION="${AWS_REGION:-us-east-1}"
export AWS_DEFAULT_REGION="$AWS_REGION"
export AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-local}" AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-local}"
derived=$(cd -P "$(dirname "$0")/../../infra/derived" && pwd)

# table KIND NAME
table() {
  if "$aws" dynamodb describe-table --table-name "$2" >/dev/null 2>&1; then return; fi
  "$aws" dynamodb create-table --table-name "$2" --cli-input-json "file://$derived/create-$1-table.json"
  "$aws" dynamodb wait table-exists --table-name "$2"
  "$aws" dynamodb update-time-to-live --table-name "$2" --cli-input-json "file://$derived/expire-$1-table.json"
}

table store "${KEYSTEAD_TABLE:-keystead}"
table audit "${KEYSTEAD_AUDIT_TABLE:-keystead-audit}"
bus=${KEYSTEAD_EVENT_BUS-keystead}
if [ -n "$bus" ] && ! "$aws" events describe-event-bus --name "$bus" >/dev/null 2>&1; then
  "$aws" events create-event-bus --name "$bus"
fi
