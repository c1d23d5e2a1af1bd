#!/bin/bash
# TensorFlow 2.21.0 keeps some 30 kB for each name that a variable ever had, for as long as the process lives, and a
# variable with a new name takes several times as long to make as one with a name that was there before.
#
# The name is an attribute (debug_name) of the operation that creates the variable, and eager execution caches a compiled
# kernel for each combination of attributes. Keras 3.15.1 gives each weight and each optimizer slot a name of its own,
# and dense, dense_1, dense_2 ... to layers made one after another: networks that are built again and again, as in a
# notebook or a search over settings, cost memory that deleting them does not give back. With a
# tf.variable_creator_scope that passes one name for all, nothing is left over; Keras' own names and paths stay.
#
# Of 4,000 variables of three numbers, made and dropped:
#     each under a name of its own        more than 20 kB each are left
#     all under one name                  less than 2 kB each are left
#     made by Keras                       more than 20 kB each are left
#     by Keras, in a creator scope        less than 2 kB each are left
#
# The script fails if any of this changes. It needs Linux, Python 3.11 and the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1
"$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/errors" <<'PYTHON' || { cat "$folder/errors"; exit 1; }
import gc
import resource
from pathlib import Path

import keras
import tensorflow as tf

print("TensorFlow", tf.__version__, "Keras", keras.__version__)
COUNT = 4000


def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def left(make):
    """Bytes that are left of each variable, in words."""
    for _ in range(100):
        make("first")
    before = resident()
    for number in range(COUNT):
        make(f"{make.__name__}{number}")
    each = (resident() - before) / COUNT
    return "more than 20 kB" if each > 20_000 else "less than 2 kB" if each < 2_000 else f"{each:.0f} bytes"


def named(name):
    tf.Variable(tf.zeros([3]), name=name)


def same_name(name):
    tf.Variable(tf.zeros([3]), name="variable")


def by_keras(name):
    keras.Variable("zeros", shape=[3], name=name)


def in_a_scope(name):
    with tf.variable_creator_scope(lambda create, **settings: create(**{**settings, "name": "variable"})):
        keras.Variable("zeros", shape=[3], name=name)


for make in (named, same_name, by_keras, in_a_scope):
    print(f"{make.__name__}: {left(make)}")
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'EXPECTED'
TensorFlow 2.21.0 Keras 3.15.1
named: more than 20 kB
same_name: less than 2 kB
by_keras: more than 20 kB
in_a_scope: less than 2 kB
EXPECTED
echo "unchanged"
