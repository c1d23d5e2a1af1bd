"""One rule a file: a sickness, how it shows, and what helps. A new file needs no registration.

A rule has

- a docstring whose first line says what is wrong; it is the title of its findings, and the file's name their name;
- thresholds at the top, as constants. The laboratory sets them (`python -m benchmarks.doctor`): a value that it has
  not set yet says so;
- `statistic(history)`: the curve that the threshold cuts, the larger the sicker, where there is one;
- `advice(history)`: the changes to try, the best first, unless they depend on what is found;
- `examine(history)`: yields what it finds.

All are pure functions of a `RunHistory`. A rule raises `Unseen` where the run did not measure what it judges by.
"""
