package overlay

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
)

// Names of the classes that no label has by itself.
const (
	backgroundName = "background" // class 0 of masks, unless mask targets name it
	otherName      = "other"      // what has no class of its own
	unnamedName    = "(no label)" // labels without a name
)

const (
	// maskIDs is how many class ids there are in a mask, which has a byte for each pixel.
	maskIDs = 256
	// MaxClasses bounds the classes of a table: W&B's pages list all of them beside each picture.
	MaxClasses = 2000
)

// Seen is how often labels of one name occur.
type Seen struct {
	// Name is the label; "" stands for labels without one.
	Name string
	// Rows is in how many rows it occurs, Masks in how many with a mask.
	Rows, Masks int64
}

// Classes are the classes of a table, which all of its layers share. They are known before the
// first row is written, since each picture names the digest of the file that lists them.
//
// Ids: 0 is the background of masks. Mask targets keep their own numbers, default classes
// follow in their order. Each other class has an id that its own name suggests, so that a class that
// comes or goes leaves the ids of most others as they are, and with them the bytes of masks.
type Classes struct {
	names  []string // by id; "" is not a class
	byName map[string]int
	// other is the class of what has none of its own; 0 if there is none.
	other int
	// colors and numbers are those of masks without targets that have classes.
	colors, numbers []uint32
	// Crowded is how many classes share "other" in masks, and Truncated whether there are
	// more classes than MaxClasses, so that their boxes do too.
	Crowded   int
	Truncated bool
}

// ClassSpec is what the classes of a table are made of.
type ClassSpec struct {
	// Targets are the mask targets of the segmentation fields that are drawn, in the schema's order;
	// nil for a field without any, whose classes are called by their numbers.
	Targets []*Targets
	// Default are the dataset's default classes.
	Default []string
	// Seen are the classes of the view's labels; Truncated says that there are more.
	Seen      []Seen
	Truncated bool
	// Colors and Numbers are what a Finder found in masks without targets; their classes are among Seen.
	Colors, Numbers []uint32
}

// Names are the names of the classes by id; those without a name are not classes.
func (c *Classes) Names() []string { return c.names }

// has reports whether there is a class of that id.
func (c *Classes) has(id int) bool { return id < len(c.names) && c.names[id] != "" }

// id is the class of a label.
func (c *Classes) id(name []byte) (id int, known bool) {
	if len(name) == 0 {
		name = []byte(unnamedName)
	}
	if id, known = c.byName[string(name)]; known {
		return id, true
	}
	return c.other, c.Truncated
}

// maskID is the class that a label has in masks.
func (c *Classes) maskID(name []byte) (id uint8, known bool) {
	n, known := c.id(name)
	if n >= maskIDs {
		n = c.other
	}
	return uint8(n), known
}

// NewClasses gives the classes their ids.
func NewClasses(spec ClassSpec) *Classes {
	c := &Classes{byName: map[string]int{}, names: make([]string, maskIDs), Truncated: spec.Truncated, colors: spec.Colors, numbers: spec.Numbers}
	for _, t := range spec.Targets {
		c.takeTargets(t)
	}
	seen := c.ranked(spec)
	if c.names[0] == "" && (len(spec.Targets) > 0 || withMasks(seen) > 0) {
		c.names[0] = backgroundName
	}
	// Numbers want the ids that are their own; then the other classes have the upper half.
	first, end := 1, maskIDs
	if slices.Contains(spec.Targets, nil) {
		first = maskIDs / 2
	}
	if len(spec.Targets) > 0 || c.Truncated || withMasks(seen) > c.free(first, end) {
		c.takeOther(first, end)
	}
	c.place(seen, first, end, spec.Default)
	if first > 1 {
		c.takeNumbers()
	}
	for len(c.names) > 0 && c.names[len(c.names)-1] == "" {
		c.names = c.names[:len(c.names)-1]
	}
	return c
}

// takeTargets gives the names of a field's mask targets the ids that are their pixel values,
// as far as these are free.
func (c *Classes) takeTargets(t *Targets) {
	if t == nil {
		return
	}
	for _, value := range slices.Sorted(maps.Keys(t.values)) {
		name := t.values[value]
		if _, has := c.byName[name]; has || value >= maskIDs || c.names[value] != "" {
			continue
		}
		c.names[value] = name
		if value > 0 { // what a label calls so is not background
			c.byName[name] = int(value)
		}
	}
}

// takeNumbers makes classes of the numbers that masks without targets may hold.
func (c *Classes) takeNumbers() {
	for id := 1; id < maskIDs; id++ {
		if c.names[id] == "" {
			name := strconv.Itoa(id)
			if _, has := c.byName[name]; !has {
				c.names[id], c.byName[name] = name, id
			}
		}
	}
}

// ranked are the classes that have no id yet, those first that need one in masks most: what targets
// name, then those of masks, then the frequent ones.
func (c *Classes) ranked(spec ClassSpec) []Seen {
	var out []Seen
	has := map[string]bool{}
	add := func(s Seen) {
		if s.Name == "" {
			s.Name = unnamedName
		}
		if _, placed := c.byName[s.Name]; !placed && !has[s.Name] {
			has[s.Name] = true
			out = append(out, s)
		}
	}
	for _, t := range spec.Targets {
		for _, name := range t.classes() {
			add(Seen{Name: name, Masks: 1})
		}
	}
	seen := slices.Clone(spec.Seen)
	slices.SortFunc(seen, func(a, b Seen) int {
		return cmp.Or(cmp.Compare(b.Masks, a.Masks), cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Name, b.Name))
	})
	for _, s := range seen {
		add(s)
	}
	for _, name := range spec.Default {
		if name != "" {
			add(Seen{Name: name})
		}
	}
	if len(out) > MaxClasses {
		out, c.Truncated = out[:MaxClasses], true
	}
	return out
}

// takeOther gives an id to what has no class of its own.
func (c *Classes) takeOther(first, end int) {
	if first > 1 {
		end-- // 255 is what many people's masks are made of
	}
	for id := end - 1; id >= first; id-- {
		if c.names[id] == "" {
			c.other, c.names[id] = id, otherName
			return
		}
	}
}

// withMasks counts the classes that occur in masks.
func withMasks(seen []Seen) (n int) {
	for _, s := range seen {
		if s.Masks > 0 {
			n++
		}
	}
	return n
}

// free counts the ids from first to end that have no class.
func (c *Classes) free(first, end int) (n int) {
	for _, name := range c.names[first:end] {
		if name == "" {
			n++
		}
	}
	return n
}

// place gives the classes ids from first to end as far as these reach, and higher ones to the rest.
func (c *Classes) place(ranked []Seen, first, end int, defaults []string) {
	n := min(c.free(first, end), len(ranked))
	chosen, rest := slices.Clone(ranked[:n]), ranked[n:]
	order := make(map[string]int, len(defaults))
	for i, name := range defaults {
		if _, has := order[name]; !has {
			order[name] = i + 1
		}
	}
	// Default classes stand first, in their order; the others follow in that of their names.
	slices.SortFunc(chosen, func(a, b Seen) int {
		x, y := order[a.Name], order[b.Name]
		switch {
		case x > 0 && y > 0:
			return cmp.Compare(x, y)
		case x > 0 || y > 0:
			return cmp.Compare(y, x)
		}
		return cmp.Compare(a.Name, b.Name)
	})
	// W&B has a handful of colours, which it gives by id: few classes have ids close to each other.
	span := end - first
	for _, n := range []int{15, 63} {
		if len(chosen) <= n {
			span = min(span, n)
			break
		}
	}
	for _, s := range chosen {
		at := first
		if order[s.Name] == 0 {
			at += int(hash(s.Name) % uint32(span))
		}
		for c.names[at] != "" {
			if at++; at == end {
				at = first
			}
		}
		c.names[at], c.byName[s.Name] = s.Name, at
	}
	for _, s := range rest {
		if s.Masks > 0 {
			c.Crowded++
		}
		c.byName[s.Name] = len(c.names)
		c.names = append(c.names, s.Name)
	}
}

func hash(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // never fails
	return h.Sum32()
}
