package job

import (
	"cmp"
	"slices"
)

const (
	// metadataClasses is how many classes stand in an artifact's metadata, and
	// metadataClassBytes how much of it they take.
	metadataClasses    = 1000
	metadataClassBytes = 512 << 10
	// countedClasses and countedBytes bound the memory that free texts, each a class
	// of its own, can take.
	countedClasses = 100_000
	countedBytes   = 16 << 20
)

// classCount is how often a class occurs.
type classCount struct {
	name string
	n    int64
}

// classCounts counts classes in the order of their first appearance.
type classCounts struct {
	index   map[string]int
	list    []classCount
	bytes   int   // of the names
	ignored int64 // labels of classes beyond countedClasses or countedBytes
}

func (c *classCounts) add(name []byte) {
	if i, ok := c.index[string(name)]; ok {
		c.list[i].n++
		return
	}
	if len(c.list) >= countedClasses || c.bytes+len(name) > countedBytes {
		c.ignored++
		return
	}
	c.bytes += len(name)
	if c.index == nil {
		c.index = map[string]int{}
	}
	c.index[string(name)] = len(c.list)
	c.list = append(c.list, classCount{string(name), 1})
}

func (c *classCounts) distinct() int64 { return int64(len(c.list)) }

// json is the most frequent classes with their counts, the most frequent first, and
// how many these are.
func (c *classCounts) json(most, bytes int) (text []byte, listed int) {
	sorted := slices.Clone(c.list)
	slices.SortStableFunc(sorted, func(a, b classCount) int { return cmp.Compare(b.n, a.n) })
	out := &object{}
	for _, one := range sorted[:min(most, len(sorted))] {
		if out.buf.Len()+len(one.name) > bytes {
			break
		}
		out.set(one.name, one.n)
		listed++
	}
	return out.bytes(), listed
}

// describe sets class_distribution and num_classes of an artifact's metadata.
func (c *classCounts) describe(meta *object, w *warnings) {
	text, listed := c.json(metadataClasses, metadataClassBytes)
	meta.raw("class_distribution", text)
	meta.set("num_classes", c.distinct())
	if listed < len(c.list) {
		meta.set("class_distribution_file", identityPath)
		w.note("many_classes", "The artifact's metadata lists the %s most frequent of %s classes; all of them are in its file %s.",
			thousands(int64(listed)), thousands(c.distinct()), identityPath)
	}
	if c.ignored > 0 {
		w.note("uncounted_classes", "More than %s different classes: %s labels of further classes are in the table but not in the class distribution.",
			thousands(c.distinct()), thousands(c.ignored))
	}
}
