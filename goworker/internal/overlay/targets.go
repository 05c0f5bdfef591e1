package overlay

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// defaultTargets is the key of the targets of all fields that have none of their own.
const defaultTargets = "default_mask_targets"

// Targets are the names of the classes in a field's masks, by pixel value or by colour.
type Targets struct {
	values map[uint32]string
	colors map[uint32]string // by 0xRRGGBB
}

// AllTargets are the mask targets of a dataset.
type AllTargets map[string]*Targets

// ParseTargets reads the mask targets of a dataset as JSON: for each field, and under
// "default_mask_targets" for those without, an object of names by pixel value or "#RRGGBB". What is not
// of this form is left out.
func ParseTargets(text string) (AllTargets, error) {
	out := AllTargets{}
	if text == "" {
		return out, nil
	}
	var all map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, fmt.Errorf("mask targets: %w", err)
	}
	for field, names := range all {
		t := &Targets{values: map[uint32]string{}, colors: map[uint32]string{}}
		for key, value := range names {
			name, ok := value.(string)
			if !ok || name == "" {
				continue
			}
			if hex, isColor := strings.CutPrefix(key, "#"); isColor {
				if rgb, err := strconv.ParseUint(hex, 16, 24); err == nil && len(hex) == 6 {
					t.colors[uint32(rgb)] = name
				}
			} else if value, err := strconv.ParseUint(key, 10, 31); err == nil {
				t.values[uint32(value)] = name
			}
		}
		if len(t.values)+len(t.colors) > 0 {
			out[field] = t
		}
	}
	return out, nil
}

// Of gives the targets of a field; nil where it has none. Frames have theirs under their own
// name or that of the video's field.
func (a AllTargets) Of(field string) *Targets {
	for _, name := range []string{field, "frames." + field, defaultTargets} {
		if t := a[name]; t != nil {
			return t
		}
	}
	return nil
}

// classes are the names of all targets but the background, in a fixed order.
func (t *Targets) classes() (names []string) {
	if t == nil {
		return nil
	}
	for _, value := range slices.Sorted(maps.Keys(t.values)) {
		if value > 0 {
			names = append(names, t.values[value])
		}
	}
	for _, rgb := range slices.Sorted(maps.Keys(t.colors)) {
		if rgb > 0 {
			names = append(names, t.colors[rgb])
		}
	}
	return names
}
