package job

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/artifact"
)

// idLine is the size of one id in its file: 24 hexadecimal digits and a newline.
const idLine = 25

// idList is a file of ids, one to a line. The ids never stand in memory together.
type idList struct {
	file *artifact.SpoolFile
	path string
	n    int64
	line [idLine]byte
}

func newIDList(c *collector, path string) (*idList, error) {
	f, err := c.create(path)
	if err != nil {
		return nil, err
	}
	l := &idList{file: f, path: path}
	l.line[idLine-1] = '\n'
	return l, nil
}

func (l *idList) add(id bson.ObjectID) error {
	hex.Encode(l.line[:], id[:])
	l.n++
	_, err := l.file.Write(l.line[:])
	return err
}

// close ends the file and adds it to the artifact's files.
func (l *idList) close(files *artifact.Files) error {
	if err := l.file.Close(); err != nil {
		return err
	}
	return files.Add(l.file.Entry(l.path))
}

// asList is the ids as a list of the metadata.
func (l *idList) asList(key string) list {
	return list{key: key, path: l.path, size: l.n*(idLine+2) + 2, json: l.json}
}

func (l *idList) json() ([]byte, error) {
	f, err := l.file.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var buf bytes.Buffer
	buf.Grow(int(l.n)*(idLine+2) + 2)
	buf.WriteByte('[')
	line, in := make([]byte, idLine), bufio.NewReader(f)
	for i := int64(0); i < l.n; i++ {
		if _, err := io.ReadFull(in, line); err != nil {
			return nil, err
		}
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.WriteByte('"')
		buf.Write(line[:idLine-1])
		buf.WriteByte('"')
	}
	buf.WriteByte(']')
	return buf.Bytes(), nil
}
