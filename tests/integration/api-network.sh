#!/bin/bash
# The HTTP API of networks, and what containers' API says of them, with what no client of Docker's sends (api-network.py).
# Afterwards the kernel has what it had.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../netlib.sh"

docker run --rm busybox true # the default network's bridge is made by the first
until_true 200 no_veths; before=$(links) had=$(elements)
/usr/bin/python3 "$top/tests/integration/api-network.py" || fail "api-network.py ends as it should"
until_true 200 no_veths
is "the same links as before" "$before" links
is "and the same elements of tables" "$had" elements
finish
