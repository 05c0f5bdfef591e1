package config

import (
	"strings"
	"unicode/utf8"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// Limits of the server for a run, in characters.
const (
	maxJobType = 64
	maxHost    = 64
	maxRunTag  = 64
)

// newRunOf reads the variables: those that W&B documents, and the names that its settings give to the same.
func newRunOf(in Inputs) NewRun {
	either := func(name string) string { return FirstOf(in.Env["WANDB_"+name], in.Env["WANDB_RUN_"+name]) }
	r := NewRun{
		Group: FirstOf(in.Env["WANDB_RUN_GROUP"]), JobType: either("JOB_TYPE"), DisplayName: either("NAME"), Notes: either("NOTES"),
		Host: FirstOf(in.Env["WANDB_HOST"], in.Host), Program: FirstOf(in.Env["WANDB_PROGRAM"], in.Program),
	}
	for tag := range strings.SplitSeq(either("TAGS"), ",") {
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

// CheckRunTag refuses a run's tag that W&B would refuse: fault bad_name.
func CheckRunTag(tag string) error {
	if n := utf8.RuneCountInString(tag); n < 1 || n > maxRunTag || hasControl(tag) {
		return badName("%q cannot be a tag of a W&B run: a tag has 1 to %d characters.", Clip(tag, MaxName), maxRunTag)
	}
	return nil
}
