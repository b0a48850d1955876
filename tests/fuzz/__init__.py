"""Fuzzing: what reads bytes of foreign origin is given bytes that no author of a test would think of.

`make fuzz MINUTES=10` shares the time among all targets, and `make fuzz TARGETS='policy keys'` runs some of them.
`make test` runs each shortly (test_fuzz.py), with a fixed seed, so with the same inputs in every run.

There are two engines. libFuzzer runs the C of the PAM module, with AddressSanitizer and UBSan (native.py, fuzz_*.c).
engine.py runs the Python: it mutates a corpus by the words of its format and by what parsers trip over (mutator.py),
keeps inputs that reach new lines of the package, and reduces an input that fails. It is an engine of our own because it
runs wherever the tests do: atheris has wheels for x86-64 only, and another version for each Python. It finds as much.
On sshd's configuration before its faults were corrected (a superscript two, the long s; Python 3.11, one core, from one
input) engine.py failed with each of five seeds after 1 to 35 s and 5,000 to 172,000 runs; atheris 3.0 with the same
dictionary with two of three seeds within 60 s, after 67,000 and 138,000 runs, and without a dictionary in none of
610,000; Hypothesis in none of 60,000 examples, which took 77 s. Hypothesis stays the engine of the property tests
(tests/property), which build valid inputs and state laws about them.

A target of Python is a function of bytes in a targets_*.py, decorated with @target. It returns for any input, and
catches the one exception that the parser documents. Whatever else it raises is a finding, and so is an input that takes
more than engine.MOST_SECONDS of CPU time or engine.MOST_BYTES of memory. Laws that are cheap to check are asserted in
it: what was read can be written and read again, a slow reference reads the same, cut reads give the same as whole ones.

A target of C is a fuzz_NAME.c here, which defines LLVMFuzzerTestOneInput(), and a row in native.SOURCES.

To add a target, add its function or file, and at least one input in corpus/NAME/ that the parser accepts. The corpus is
for inputs that a person chose, and for inputs that have failed once, each as small as it gets. What the engines collect
is kept below REAPER_TEST_CACHE/fuzz/kept, and is not committed.

An input that fails is written below REAPER_TEST_CACHE/fuzz/found, and its path is printed with the command that runs it
again: `python -m tests.fuzz NAME --replay FILE`, with the Python of the tests. When the fault is corrected, the input
moves to corpus/NAME/ under a name that says what it is, and the package's own tests get a test of the behaviour.
"""
