package config

import (
	"strings"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
)

// Mode is what W&B's own client would do with what is logged.
type Mode int

// The modes.
const (
	// Online reaches the server.
	Online Mode = iota
	// Offline writes a directory, which is uploaded later.
	Offline
	// Disabled does nothing, without an error.
	Disabled
)

// ModeOf is the mode that WANDB_MODE or W&B's settings files set; where that is online, it is offline if the caller
// wants it so. Fault: bad_settings.
func ModeOf(in Inputs) (Mode, error) {
	files, err := in.files()
	if err != nil {
		return Online, err
	}
	mode, _, err := in.mode(files)
	if mode == Online && in.Offline {
		mode = Offline
	}
	return mode, err
}

// mode also says in words where it was found, with its name.
func (in Inputs) mode(files settingsFiles) (mode Mode, where string, err error) {
	name, from := in.Env["WANDB_MODE"], "WANDB_MODE is set to"
	if strings.TrimSpace(name) == "" {
		name, from = files.get("mode"), "W&B's settings file "+files.source("mode")+" sets the mode to"
	}
	name = strings.ToLower(strings.TrimSpace(name))
	where = from + ` "` + name + `"`
	switch name {
	case "", "online", "run", "shared":
		return Online, where, nil
	case "offline", "dryrun":
		return Offline, where, nil
	case "disabled":
		return Disabled, where, nil
	}
	return Online, where, fault.New(fault.Settings, fault.BadSettings, "%s, which is not a mode of W&B. Set it to \"online\" or unset it.", where)
}

// checkOnline refuses what has to reach the server in the modes in which nothing may be sent: doing half of it would
// look like success.
func (in Inputs) checkOnline(files settingsFiles) error {
	if in.Online {
		return nil
	}
	mode, where, err := in.mode(files)
	switch {
	case err != nil:
		return err
	case mode == Offline:
		return fault.New(fault.Settings, fault.Offline,
			"W&B is switched to offline mode (%s), but this has to reach the server. Nothing was done. "+
				"Run `wandb online` or unset WANDB_MODE, then try again.", where)
	case mode == Disabled:
		return fault.New(fault.Settings, fault.Disabled,
			"W&B is switched off (%s). Nothing was done. Run `wandb enabled` or unset WANDB_MODE, then try again.", where)
	}
	return nil
}
