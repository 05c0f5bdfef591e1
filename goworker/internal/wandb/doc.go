// Package wandb talks to a W&B server over HTTP: it finds the user's settings,
// creates and finishes runs, and logs artifacts, without the wandb package.
//
// Every error that is meant for a person is a *fault.Error. Only a context that
// ended is returned as it is, so that callers can tell a cancel from a failure.
// The API key goes to the server's own address and nowhere else: see auth.go.
package wandb
