//go:build !linux

package main

// nameProcess does nothing: only on Linux does the host run the worker by an open file, without a name.
func nameProcess(string) {}
