#!/bin/bash
# Random acts on containers and networks by several threads, with programs killed meanwhile; what the kernel, the database, the resolver
# and /etc/hosts have is compared with inspect after each round (network_soak.py). SEED=N the same acts again (threads and kills meet
# differently each time all the same), SOAK_SECONDS=N longer, SOAK_KILLS=0 without kills, SOAK_STOP=1 ends with the first round that is
# wrong, SOAK_TRACE=FILE has every request with its begin, end and answer.
. "$(dirname "$0")/../lib.sh"
[ -n "${POSTERN_SOCKET:-}" ] || exec "$top/tests/with-engine" bash "$0" "$@"
export SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
exec python3 "$top/tests/full/network_soak.py"
