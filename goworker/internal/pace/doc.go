// Package pace adapts how much is sent at once to the server that it is sent to: how many transfers run side by side
// (Controller, Slots) and how many files one request announces (Batch). Nobody documents what a W&B server and its file
// store bear, and it differs between W&B's cloud and a server on one machine.
package pace
