#!/bin/bash
# Every step of what makes and takes away networks: tests/integration/network-steps.sh has how.
STEPS=all exec bash "$(dirname "$0")/../integration/network-steps.sh"
