package table

import (
	"fmt"
	"strconv"
)

// Layout gives the paths in the artifact of a table of so many parts (at least 1), and
// of the parts in order. A single part is the table itself. More of them are what
// the official package calls a partitioned table: PartitionedJSON goes to tablePath, and the
// parts to a directory of their own, in which it takes every entry for a part, in the order
// of the manifest; zero-padded names make that the order of their rows.
func Layout(key string, parts int) (tablePath string, partPaths []string) {
	if parts <= 1 {
		path := key + ".table.json"
		return path, []string{path}
	}
	width := max(4, len(strconv.Itoa(parts-1)))
	for i := range parts {
		partPaths = append(partPaths, fmt.Sprintf("%s/part-%0*d.table.json", partsDir(key), width, i))
	}
	return key + ".partitioned-table.json", partPaths
}

// PartitionedJSON is the file that makes one table of several parts.
func PartitionedJSON(key string) []byte {
	b := appendString([]byte(`{"_type":"partitioned-table","parts_path":`), partsDir(key))
	return append(b, '}')
}

func partsDir(key string) string { return key + "_parts" }
