#!/bin/sh
# Resolve setup.cfg's ranges in a new environment and pin what came out.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"${PYTHON:-python3}" -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --editable '.[test,check,audit,bench,browser,cluster,generated,image,mutants,schemathesis]'
{
    echo "# What was tested. Made by 'make lock' from the ranges in setup.cfg."
    "$place/venv/bin/pip" freeze --exclude-editable --exclude pip
} >constraints.txt
