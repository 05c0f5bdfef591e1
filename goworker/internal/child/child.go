// Package child runs programs that read files of others: with limits on what they may take, and
// so that they end with this process, however it ends.
package child

import (
	"os/exec"
	"runtime"
	"time"
)

// Limits are set by the operating system, where it can (Linux); zero means no limit.
type Limits struct {
	// Memory is the size of the program's address space in bytes.
	Memory int64
	// CPU is the time that it may compute for, rounded up to seconds.
	CPU time.Duration
}

// Start starts a program. The caller has to call wait, once, as it would cmd.Wait.
//
// On Linux the program is killed when this process ends. The kernel ties it to the thread that
// started it, so one is kept for it until it has ended.
func Start(cmd *exec.Cmd, l Limits) (wait func() error, err error) {
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		endWithParent(cmd)
		err := cmd.Start()
		if err == nil {
			if err = limit(cmd.Process.Pid, l); err != nil {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}
		}
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return func() error { return <-ended }, nil
}

// Run starts a program and waits for its end.
func Run(cmd *exec.Cmd, l Limits) error {
	wait, err := Start(cmd, l)
	if err != nil {
		return err
	}
	return wait()
}
