package artifact

import "os"

// Scratch is a file of a Spool that is read again while it is written, such as an
// array whose length is known last. It is not an entry of the artifact.
type Scratch struct{ *os.File }

// Scratch makes one. The caller closes it; Close of the spool removes it.
func (s *Spool) Scratch(name string) (Scratch, error) {
	f, err := os.CreateTemp(s.dir, "scratch-"+name+"-*")
	if err != nil {
		return Scratch{}, spoolFault(err, s.dir)
	}
	return Scratch{f}, nil
}

// Write adds p to the file.
func (f Scratch) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err != nil {
		err = spoolFault(err, f.Name())
	}
	return n, err
}
