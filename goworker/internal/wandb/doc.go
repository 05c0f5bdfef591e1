// Package wandb talks to a W&B server over HTTP: it creates and finishes runs, logs artifacts, and lists and reads what
// is there, without the wandb package. Package config has settled before where the server is and who we are.
//
// Every error that is meant for a person is a *fault.Error. Only the error of a context that ended is returned
// unchanged, so that callers can tell a cancel from a failure. The API key goes to the server's own address and nowhere else: see auth.go.
//
// All requests go through one loop of tries, in retry.go. Its contract: a request must be one that may be sent twice, unless it is
// marked once; a context that has ended sends nothing; and waits that the server demands have a patience of their own.
//
// A version of an artifact has several forms: version, as a logging job hears of it; listedNode, as lists have it;
// fullNode, with its files and its manifest; and for callers ArtifactInfo and ArtifactVersion, made of the latter two.
package wandb
