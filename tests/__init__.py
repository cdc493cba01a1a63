"""The tests: unit/ mirrors the source, e2e/ drives a real process, support/ starts real parts."""
