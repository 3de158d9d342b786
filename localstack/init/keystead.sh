#!/bin/sh
# What Keystead expects to find: its two tables, as infra/tables.yml has them, and the event bus. LocalStack runs this
# when it is ready; on any other server: AWS=aws AWS_ENDPOINT_URL=http://127.0.0.1:8000 localstack/init/keystead.sh
set -eu
aws=${AWS:-awslocal}
export AWS_REGION="${AWS_REGION:-us-east-1}" AWS_DEFAULT_REGION="${AWS_REGION:-us-east-1}"
export AWS_ACCESS_KEY_ID="${AWS_ACCESS_KEY_ID:-local}" AWS_SECRET_ACCESS_KEY="${AWS_SECRET_ACCESS_KEY:-local}"

attributes() { printf '{"AttributeName":"%sPK","AttributeType":"S"},{"AttributeName":"%sSK","AttributeType":"S"}' "$1" "$1"; }
keys() { printf '[{"AttributeName":"%sPK","KeyType":"HASH"},{"AttributeName":"%sSK","KeyType":"RANGE"}]' "$1" "$1"; }

# table NAME PROJECTION INDEX…
table() {
  name=$1
  projected=$2
  shift 2
  defined=$(attributes '')
  indexes=''
  for index in "$@"; do
    defined="$defined,$(attributes "$index")"
    indexes="$indexes${indexes:+,}{\"IndexName\":\"$index\",\"KeySchema\":$(keys "$index"),\"Projection\":{\"ProjectionType\":\"$projected\"}}"
  done
  "$aws" dynamodb create-table --cli-input-json "{\"TableName\":\"$name\",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\":[$defined],\"KeySchema\":$(keys ''),\"GlobalSecondaryIndexes\":[$indexes]}"
  "$aws" dynamodb wait table-exists --table-name "$name"
  "$aws" dynamodb update-time-to-live --table-name "$name" --time-to-live-specification Enabled=true,AttributeName=TTL
}

table "${KEYSTEAD_TABLE:-keystead}" ALL GSI1 GSI2
table "${KEYSTEAD_AUDIT_TABLE:-keystead-audit}" KEYS_ONLY GSI1 GSI2 GSI3 GSI4
"$aws" events create-event-bus --name "${KEYSTEAD_EVENT_BUS:-keystead}"
