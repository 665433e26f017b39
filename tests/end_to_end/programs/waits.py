"""A program that imports Paddle and then does nothing until its standard input ends."""

import importlib
import os
import sys

importlib.import_module("paddle")
sys.stdout.write(f"ready {os.getpid()}\n")
sys.stdout.flush()
sys.stdin.read()
