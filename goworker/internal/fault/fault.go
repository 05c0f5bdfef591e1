// Package fault holds the one kind of error that reaches a person: it says whose
// matter it is, carries a word for programs and a text that is complete by itself.
package fault

import (
	"errors"
	"fmt"
)

// Source says whose matter a fault is.
type Source int

// The sources, in the order of the wire contract.
const (
	// Settings are the user's settings or arguments.
	Settings Source = iota + 1
	// FiftyOne is FiftyOne or its database.
	FiftyOne
	// WandB is W&B's server or the way to it.
	WandB
	// Media is a media file.
	Media
	// Plugin is this plugin itself.
	Plugin
)

// Error is a fault. Message says what was being done, what happened and what to
// do next; it never holds a secret. Err is the cause, for logs and errors.Is.
type Error struct {
	Source  Source
	Code    string
	Message string
	Err     error
}

// New makes a fault without a cause. Format and args are as in fmt.Sprintf.
func New(source Source, code, format string, args ...any) *Error {
	return &Error{Source: source, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault with a cause, which is kept for errors.Is and errors.As but
// is not part of the message.
func Wrap(err error, source Source, code, format string, args ...any) *Error {
	f := New(source, code, format, args...)
	f.Err = err
	return f
}

// Error is the message for people.
func (e *Error) Error() string { return e.Message }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// As finds the fault in err's chain; it is nil where there is none.
func As(err error) *Error {
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// Code is the code of the fault in err's chain, or empty.
func Code(err error) string {
	if f := As(err); f != nil {
		return f.Code
	}
	return ""
}
