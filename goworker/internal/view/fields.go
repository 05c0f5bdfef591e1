package view

// Fields collects what is to be read of each document: the slots that rows are made from, and the paths that
// may leave MongoDB. Its zero value is ready to use.
type Fields struct {
	// Slots are the paths of NewSlots, and Paths those of Source.Read.
	Slots, Paths []string
}

// Slot registers a value and returns the number of its slot. The parts are the paths below it that are read; with
// none, or with "" among them, it is read whole.
func (f *Fields) Slot(path string, parts ...string) int {
	f.Slots = append(f.Slots, path)
	if len(parts) == 0 {
		f.Paths = append(f.Paths, path)
	}
	for _, part := range parts {
		if part == "" {
			f.Paths = append(f.Paths, path)
			continue
		}
		f.Paths = append(f.Paths, path+"."+part)
	}
	return len(f.Slots) - 1
}
