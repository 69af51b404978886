#!/bin/sh
# What the Lambda Web Adapter starts.
exec python stream.py
