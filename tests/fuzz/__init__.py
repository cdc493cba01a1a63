"""Fuzzing: input that nobody thought of, against what must hold for every input.

targets      what must hold, one function a target; each takes any bytes
coverage     runs a target under atheris, which looks for input that reaches new code
corpus       input to start from, a folder a target
test_codec   a short run of every target, and the corpus without atheris

make_corpus  writes the corpus

wire         mutated sessions against a running process with slapd behind it
mutations    how sessions are mutated
test_wire    a short run of it

long         `make fuzz`: everything for long, CODEC_RUNS inputs a target, WIRE_MESSAGES messages
"""
