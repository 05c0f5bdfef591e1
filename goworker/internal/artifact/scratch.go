package artifact

import "os"

// Scratch makes a file in the spool that is read again while it is written, such
// as an array whose length is known last. It is no entry of the artifact. The
// caller closes it; Close of the spool removes it.
func (s *Spool) Scratch(name string) (*os.File, error) {
	return os.CreateTemp(s.dir, "scratch-"+name+"-*")
}
