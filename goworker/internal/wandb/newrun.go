package wandb

import (
	"strings"
	"unicode/utf8"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// Limits of the server for a run, in characters and bytes.
const (
	maxJobType   = 64
	maxHost      = 64
	maxRunConfig = 15_000_000
)

// NewRun is what W&B's variables say of the runs that are created, and empty where they do not: W&B's own client gives it to
// its runs, too.
type NewRun struct {
	Group, JobType, DisplayName, Notes string
	Tags                               []string
	Host, Program                      string
}

func newRunOf(in Inputs) NewRun {
	r := NewRun{
		Group: firstOf(in.Env["WANDB_RUN_GROUP"]), JobType: firstOf(in.Env["WANDB_JOB_TYPE"]),
		DisplayName: firstOf(in.Env["WANDB_NAME"]), Notes: firstOf(in.Env["WANDB_NOTES"]),
		Host: firstOf(in.Env["WANDB_HOST"], in.Host), Program: firstOf(in.Env["WANDB_PROGRAM"], in.Program),
	}
	for tag := range strings.SplitSeq(in.Env["WANDB_TAGS"], ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			r.Tags = append(r.Tags, tag)
		}
	}
	// The user does not choose the host: a long one is cut, not refused.
	if runes := []rune(r.Host); len(runes) > maxHost {
		r.Host = string(runes[:maxHost])
	}
	return r
}

// CheckNewRun refuses what W&B would refuse of a run that is created with these settings: fault
// bad_name. Call it before the work whose run would fail.
func (s Settings) CheckNewRun() error {
	if err := checkJobType(s.newRun.JobType); err != nil {
		return err
	}
	for _, tag := range s.newRun.Tags {
		if err := CheckRunTag(tag); err != nil {
			return fault.New(fault.Settings, fault.BadName, "WANDB_TAGS: %s", fault.As(err).Message)
		}
	}
	return nil
}

// checkJobType refuses a type of a run that W&B would refuse.
func checkJobType(jobType string) error {
	if n := utf8.RuneCountInString(jobType); n > maxJobType {
		return badName("The run's job type of WANDB_JOB_TYPE has %d characters, and W&B allows %d. Choose a shorter one.", n, maxJobType)
	}
	return nil
}

// checkRunConfig refuses a run's config, as it would be sent, that W&B would refuse: fault too_large.
func checkRunConfig(raw []byte) error {
	if len(raw) <= maxRunConfig {
		return nil
	}
	return fault.New(fault.Settings, fault.TooLarge,
		"The run's config would have %.1f MB, and W&B allows %d MB. Log to another run, or use shorter names.", float64(len(raw))/1e6, maxRunConfig/1_000_000)
}

// variables adds what is said of the run to those of the mutation that creates it. What the spec
// says goes first.
func (r NewRun) variables(spec RunSpec, vars map[string]any) {
	for name, value := range map[string]string{
		"displayName": firstOf(spec.DisplayName, r.DisplayName), "jobType": r.JobType,
		"group": r.Group, "notes": r.Notes, "host": r.Host, "program": r.Program,
	} {
		if value != "" {
			vars[name] = value
		}
	}
	if len(r.Tags) > 0 {
		vars["tags"] = r.Tags
	}
}
