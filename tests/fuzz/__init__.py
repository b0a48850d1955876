"""Fuzzing: runs everything that reads untrusted bytes on inputs that no author of a test would think of.

`make fuzz MINUTES=10` shares the time among all targets, and `make fuzz TARGETS='policy keys'` runs some of them.
`make test` runs each target briefly (test_fuzz.py) with a fixed seed, so with the same inputs in every run.

There are two engines. libFuzzer runs the C code of the PAM module with AddressSanitizer and UBSan (native.py,
fuzz_*.c). engine.py runs the Python code: it mutates a corpus with words of its format and with input that parsers
often handle wrongly (mutator.py), keeps inputs that reach new lines of the package, and reduces an input that fails. It
is our own engine because it runs wherever the tests run: atheris has wheels for x86-64 only, and needs another version
for each Python. It finds as much. On the parser of sshd's configuration before its faults were fixed (a superscript
two, the long s; Python 3.11, one core, from one input) engine.py found a failure with each of five seeds after 1 to
35 s and 5,000 to 172,000 runs; atheris 3.0 with the same dictionary found one with two of three seeds within 60 s,
after 67,000 and 138,000 runs, and none in 610,000 runs without a dictionary; Hypothesis found none in 60,000 examples,
which took 77 s. Hypothesis remains the engine of the property tests (tests/property), which build valid inputs and
check laws.

A Python target is a function of bytes in a targets_*.py, decorated with @target. It returns for any input, and catches
the one exception that the parser documents. Any other exception is a finding, and so is an input that takes more than
engine.MOST_SECONDS of CPU time or engine.MOST_BYTES of memory. The target asserts laws that are cheap to check: what
was read can be written and read again, a slow reference reads the same, and reads in pieces give the same as one read.

A C target is a fuzz_NAME.c here, which defines LLVMFuzzerTestOneInput(), and a row in native.SOURCES.

To add a target, add its function or file, and at least one input in corpus/NAME/ that the parser accepts. The corpus is
for inputs that someone chose and for inputs that once failed, each as small as possible. What the engines collect is
kept below REAPER_TEST_CACHE/fuzz/kept and is not committed.

An input that fails is written below REAPER_TEST_CACHE/fuzz/found, and its path is printed with the command that runs it
again: `python -m tests.fuzz NAME --replay FILE`, with the Python of the tests. When the fault is fixed, the input moves
to corpus/NAME/ under a name that describes it, and the package's own tests get a test of the behaviour.

    engine.py      runs Python targets, measures coverage, reduces failing inputs
    mutator.py     makes new inputs from the corpus
    native.py      builds and runs the C targets with libFuzzer
    targets_*.py   the Python targets, by what they read
    test_*.py      the tests of the engine, and a short run of every target
    __main__.py    the command line
"""
