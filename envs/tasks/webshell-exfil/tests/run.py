"""Calls the functions test_* of test_outputs.py, and sums up as pytest does. pytest runs that file as well.

These tests are plain functions; to start pytest would take several times as long as most of them do. What pytest has
fixtures for is a function that runs `once`; a test of something that an instance does not ask for is not `asked`.
Folders that are given as arguments are shut first: what the agent wrote runs as nobody.
"""

import os
import reprlib
import stat
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
if HERE not in sys.path:  # Python leaves it out when it runs isolated
    sys.path.insert(0, HERE)


def once(function):
    """Makes a function without arguments run once: what it returned, or raised, is what each later call gives."""
    ended = []

    def again():
        if not ended:
            try:
                ended.append((function(), None, None))
            except BaseException as error:
                ended.append((None, error, error.__traceback__.tb_next))
        result, error, where = ended[0]
        if error is not None:
            raise error.with_traceback(where)
        return result

    return again


def asked(condition):
    """Keeps a test only where the instance asks for what it looks at."""
    return lambda test: test if condition else None


class Indented:
    """Prints with each line indented, so that none passes for one of the summary."""

    def write(self, text):
        sys.stdout.write(text.replace("\n", "\n    "))

    def flush(self):
        sys.stdout.flush()


def shut(folder):
    """Takes a folder from everybody but root, and the right to put another one in its place."""
    os.chmod(folder, 0o700)
    while folder != "/":
        folder = os.path.dirname(folder)
        os.chown(folder, 0, 0)
        os.chmod(folder, stat.S_IMODE(os.stat(folder).st_mode) & ~0o022)


def tell(name, error):
    """Prints where a test failed and why; where it does not say why, the values there."""
    sys.stderr, told = Indented(), Indented()
    told.write(f"{name}:\n")
    where = error.__traceback__.tb_next
    sys.__excepthook__(type(error), error, where)
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    if where is not None and not error.args:
        for variable, value in where.tb_frame.f_locals.items():
            told.write(f"{variable} = {reprlib.repr(value)}\n")
    print()


def main():
    """Calls the tests in order, or in that which conftest.py brings them into, and returns whether all passed."""
    import test_outputs

    tests = [(name, test) for name, test in vars(test_outputs).items() if name.startswith("test_") and callable(test)]
    if os.path.exists(f"{HERE}/conftest.py"):
        import conftest

        conftest.pytest_collection_modifyitems(items=tests)
    summary = []
    for name, test in tests:
        outcome = "PASSED"
        try:
            test()
        except BaseException as error:
            outcome = "FAILED"
            tell(name, error)
        summary.append(f"{outcome} test_outputs.py::{name}")
    print("=== short test summary info ===", *summary, sep="\n")
    return bool(summary) and all(line.startswith("PASSED") for line in summary)


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]  # for what the tests take from here
    for folder in sys.argv[1:]:
        shut(folder)
    passed = main()
    sys.stdout.flush()
    os._exit(not passed)
