package child

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func endWithParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}

// limit sets a process's limits. One that has ended already needs none.
func limit(pid int, l Limits) error {
	for _, r := range []struct {
		resource int
		value    int64
	}{{unix.RLIMIT_AS, l.Memory}, {unix.RLIMIT_CPU, int64((l.CPU + time.Second - 1) / time.Second)}, {unix.RLIMIT_CORE, 0}} {
		if r.value <= 0 && r.resource != unix.RLIMIT_CORE {
			continue
		}
		value := uint64(r.value) //nolint:gosec // not negative
		err := unix.Prlimit(pid, r.resource, &unix.Rlimit{Cur: value, Max: value}, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("limit a program: %w", err)
		}
	}
	return nil
}
