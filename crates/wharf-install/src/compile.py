# Compiles the files that it is told of, a batch a line: [[file, the path it will have], ...]. Answers each batch with
# a line: the number of files that do not compile. A file that does not compile is no error: packages ship templates
# and code for other versions. Runs on every Python since 3.6.
import json
import py_compile
import sys

for line in sys.stdin.buffer:
    failed = 0
    for source, final in json.loads(line.decode("utf-8")):
        try:
            py_compile.compile(source, dfile=final, doraise=True)
        except Exception:
            failed += 1
    sys.stdout.write("%d\n" % failed)
    sys.stdout.flush()
