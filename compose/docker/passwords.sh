#!/usr/bin/env bash
# After init.sql, on the new primary: the passwords of the environment instead of those written there.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -U postgres -d postgres -q -v replicator="$REPLICATOR_PASSWORD" -v app="$APP_PASSWORD" <<'END'
ALTER ROLE replicator PASSWORD :'replicator';
ALTER ROLE app PASSWORD :'app';
END
