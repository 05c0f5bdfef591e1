package child

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostVariable makes the test binary a process that has a program run, for TestEndsWithItsParent.
const hostVariable = "CHILD_TEST_HOST"

func TestMain(m *testing.M) {
	if os.Getenv(hostVariable) == "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("sleep", "600")
	wait, err := Start(cmd, Limits{})
	if err != nil {
		panic(err)
	}
	fmt.Println(cmd.Process.Pid)
	_ = wait()
}

// TestEndsWithItsParent kills a process whose program would run for ten minutes.
func TestEndsWithItsParent(t *testing.T) {
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), hostVariable+"=1")
	out, err := host.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, host.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0), "it runs")
	require.NoError(t, host.Process.Kill())
	_ = host.Wait()
	assert.Eventually(t, func() bool { return gone(pid) }, 5*time.Second, 10*time.Millisecond)
}

// gone reports whether a process has ended. Whoever inherits it may not have taken note yet.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}

// TestLimits has a program ask for more than it may have, once its limits are set.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		script string
		ok     bool
	}{
		"memory":        {Limits{Memory: 256 << 20}, "read x; exec dd if=/dev/zero of=/dev/null bs=600M count=1", false},
		"enough memory": {Limits{Memory: 256 << 20}, "read x; exec dd if=/dev/zero of=/dev/null bs=1M count=1", true},
		"time":          {Limits{CPU: time.Second}, "read x; while :; do :; done", false},
		"no limits":     {Limits{}, "read x", true},
	} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", c.script)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		wait, err := Start(cmd, c.limits)
		require.NoError(t, err)
		_, err = io.WriteString(in, "go\n")
		require.NoError(t, err)
		require.NoError(t, in.Close())
		assert.Equal(t, c.ok, wait() == nil, name)
	}
}

func TestWhatCannotBeStarted(t *testing.T) {
	assert.Error(t, Run(exec.Command("/nowhere/program"), Limits{Memory: 1 << 30}))
}
