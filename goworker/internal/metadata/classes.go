package metadata

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/words"
)

const (
	// listedClasses is how many classes stand in an artifact's metadata, and
	// listedBytes how much of it they take.
	listedClasses = 1000
	listedBytes   = 512 << 10
	// countedClasses and countedBytes bound the memory that free texts, each a class
	// of its own, can take.
	countedClasses = 100_000
	countedBytes   = 16 << 20
)

// ClassCount is how often a class occurs.
type ClassCount struct {
	Name string
	N    int64
}

// ClassCounts counts classes in the order of their first appearance.
type ClassCounts struct {
	index   map[string]int
	list    []ClassCount
	bytes   int   // of the names
	ignored int64 // labels of classes beyond countedClasses or countedBytes
}

// Add counts a label of a class.
func (c *ClassCounts) Add(name []byte) { c.add(name, 1) }

// Merge adds what another has counted.
func (c *ClassCounts) Merge(other *ClassCounts) {
	for _, one := range other.list {
		c.add([]byte(one.Name), one.N)
	}
	c.ignored += other.ignored
}

// classesForm is the form in which counts are kept. Names are bytes: they need not be UTF-8.
type classesForm struct {
	Names   [][]byte `json:"names"`
	Counts  []int64  `json:"counts"`
	Ignored int64    `json:"ignored,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (c *ClassCounts) MarshalJSON() ([]byte, error) {
	out := classesForm{Ignored: c.ignored}
	for _, one := range c.list {
		out.Names, out.Counts = append(out.Names, []byte(one.Name)), append(out.Counts, one.N)
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *ClassCounts) UnmarshalJSON(raw []byte) error {
	var in classesForm
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*c = ClassCounts{ignored: in.Ignored}
	for i, name := range in.Names[:min(len(in.Names), len(in.Counts))] {
		c.add(name, in.Counts[i])
	}
	return nil
}

func (c *ClassCounts) add(name []byte, n int64) {
	if i, ok := c.index[string(name)]; ok {
		c.list[i].N += n
		return
	}
	if len(c.list) >= countedClasses || c.bytes+len(name) > countedBytes {
		c.ignored += n
		return
	}
	c.bytes += len(name)
	if c.index == nil {
		c.index = map[string]int{}
	}
	c.index[string(name)] = len(c.list)
	c.list = append(c.list, ClassCount{string(name), n})
}

// Counts are the classes in the order of their first appearance. The caller must not change them.
func (c *ClassCounts) Counts() []ClassCount { return c.list }

// Distinct is how many classes were counted.
func (c *ClassCounts) Distinct() int64 { return int64(len(c.list)) }

// JSON is the most frequent classes with their counts, the most frequent first, and
// how many these are.
func (c *ClassCounts) JSON(most, bytes int) (text []byte, listed int) {
	sorted := slices.Clone(c.list)
	slices.SortStableFunc(sorted, func(a, b ClassCount) int { return cmp.Compare(b.N, a.N) })
	out := &Object{}
	for _, one := range sorted[:min(most, len(sorted))] {
		if out.buf.Len()+len(one.Name) > bytes {
			break
		}
		out.Set(one.Name, one.N)
		listed++
	}
	return out.Bytes(), listed
}

// Describe sets class_distribution and num_classes of an artifact's metadata. note gets a warning where classes are
// left out there.
func (c *ClassCounts) Describe(meta *Object, note func(code, format string, args ...any)) {
	text, listed := c.JSON(listedClasses, listedBytes)
	meta.Raw("class_distribution", text)
	meta.Set("num_classes", c.Distinct())
	if listed < len(c.list) {
		meta.Set("class_distribution_file", IdentityPath)
		note("many_classes", "The artifact's metadata lists the %s most frequent of %s classes; all of them are in its file %s.",
			words.Thousands(int64(listed)), words.Thousands(c.Distinct()), IdentityPath)
	}
	if c.ignored > 0 {
		note("uncounted_classes", "More than %s different classes: %s labels of further classes are in the table but not in the class distribution.",
			words.Thousands(c.Distinct()), words.Thousands(c.ignored))
	}
}
