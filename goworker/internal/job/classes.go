package job

import (
	"cmp"
	"slices"
)

const (
	// metadataClasses is how many classes stand in an artifact's metadata.
	metadataClasses = 1000
	// countedClasses bounds the memory that free texts, each a class of its own,
	// can take.
	countedClasses = 100_000
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
	ignored int64 // labels of classes beyond countedClasses
}

func (c *classCounts) add(name []byte) {
	if i, ok := c.index[string(name)]; ok {
		c.list[i].n++
		return
	}
	if len(c.list) >= countedClasses {
		c.ignored++
		return
	}
	if c.index == nil {
		c.index = map[string]int{}
	}
	c.index[string(name)] = len(c.list)
	c.list = append(c.list, classCount{string(name), 1})
}

func (c *classCounts) distinct() int64 { return int64(len(c.list)) }

// json is the most frequent classes with their counts, the most frequent first.
func (c *classCounts) json(most int) []byte {
	sorted := slices.Clone(c.list)
	slices.SortStableFunc(sorted, func(a, b classCount) int { return cmp.Compare(b.n, a.n) })
	out := &object{}
	for _, one := range sorted[:min(most, len(sorted))] {
		out.set(one.name, one.n)
	}
	return out.bytes()
}

// describe sets class_distribution and num_classes of an artifact's metadata.
func (c *classCounts) describe(meta *object, w *warnings) {
	meta.raw("class_distribution", c.json(metadataClasses))
	meta.set("num_classes", c.distinct())
	if len(c.list) > metadataClasses {
		meta.set("class_distribution_file", identityPath)
		w.note("many_classes", "The artifact's metadata lists the %s most frequent of %s classes; all of them are in its file %s.",
			thousands(metadataClasses), thousands(c.distinct()), identityPath)
	}
	if c.ignored > 0 {
		w.note("uncounted_classes", "More than %s different classes: %s labels of further classes are in the table but not in the class distribution.",
			thousands(countedClasses), thousands(c.ignored))
	}
}
