// Package job does the work of the operators: one file per operator wires the
// packages that read, format, store and upload, and owns progress and cancel.
package job
