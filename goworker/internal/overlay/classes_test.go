package overlay

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func targets(t testing.TB, text string) AllTargets {
	t.Helper()
	all, err := ParseTargets(text)
	require.NoError(t, err)
	return all
}

func TestParseTargets(t *testing.T) {
	all := targets(t, `{"a": {"1": "cat", "0": "sky", "70000": "far", "-1": "no", "x": "no", "3": "", "4": null, "5": 5},
		"b": {"#FF6d04": "person", "#12": "no", "#GGGGGG": "no"}, "c": {}, "default_mask_targets": {"2": "dog"}, "frames.d": {"7": "emu"}}`)
	assert.Equal(t, map[uint32]string{0: "sky", 1: "cat", 70000: "far"}, all.Of("a").values)
	assert.Equal(t, map[uint32]string{0xff6d04: "person"}, all.Of("b").colors)
	assert.Equal(t, map[uint32]string{2: "dog"}, all.Of("c").values)
	assert.Equal(t, map[uint32]string{7: "emu"}, all.Of("d").values, "a field of frames")
	assert.Nil(t, targets(t, "").Of("a"))
	for _, bad := range []string{"[]", "{", `{"a": 1}`} {
		_, err := ParseTargets(bad)
		assert.Error(t, err, bad)
	}
}

// ids are the ids of names.
func ids(t testing.TB, c *Classes, names ...string) (out []int) {
	t.Helper()
	for _, name := range names {
		id, known := c.id([]byte(name))
		require.True(t, known, name)
		require.Equal(t, name, c.Names()[id])
		out = append(out, id)
	}
	return out
}

func TestClassIDs(t *testing.T) {
	t.Run("default classes", func(t *testing.T) {
		c := NewClasses(ClassSpec{Default: []string{"b", "a", "", "b", "c"}, Seen: seen("c", "a")})
		assert.Equal(t, []int{1, 2, 3}, ids(t, c, "b", "a", "c"))
		assert.Equal(t, "background", c.Names()[0])
		assert.Len(t, c.Names(), 4, "no other classes")
	})
	t.Run("boxes alone have no background", func(t *testing.T) {
		c := NewClasses(ClassSpec{Seen: []Seen{{Name: "cat", Rows: 1}}})
		assert.Empty(t, c.Names()[0])
		assert.Zero(t, c.other)
		_, known := c.id([]byte("dog"))
		assert.False(t, known)
	})
	t.Run("mask targets keep their numbers", func(t *testing.T) {
		all := targets(t, `{"a": {"0": "sky", "3": "road", "255": "edge", "300": "far"}, "b": {"3": "car", "4": "road", "5": "bus"}, "c": {"#0000ff": "blue", "#000000": "none"}}`)
		c := NewClasses(ClassSpec{Targets: []*Targets{all.Of("a"), all.Of("b"), all.Of("c")}, Default: []string{"bus", "x"}, Seen: seen("sky", "y")})
		assert.Equal(t, []int{3, 255, 5}, ids(t, c, "road", "edge", "bus"))
		assert.Equal(t, "sky", c.Names()[0])
		assert.NotZero(t, ids(t, c, "sky")[0], "a label that is called like the background is seen")
		assert.Equal(t, 254, c.other)
		unique(t, c, "road", "edge", "bus", "car", "far", "blue", "x", "y", "sky")
	})
	t.Run("numbers for masks without targets", func(t *testing.T) {
		all := targets(t, `{"a": {"7": "road"}}`)
		c := NewClasses(ClassSpec{Targets: []*Targets{all.Of("a"), nil}, Seen: seen("cat", "9")})
		assert.Equal(t, []int{1, 100, 255, 7}, ids(t, c, "1", "100", "255", "road"))
		assert.Equal(t, 254, c.other)
		for _, id := range ids(t, c, "cat", "9") {
			assert.GreaterOrEqual(t, id, 128)
		}
		l := newLUT(nil, c)
		assert.EqualValues(t, 100, l.class(100))
		assert.EqualValues(t, c.other, l.class(7), "that number is another field's class")
		assert.EqualValues(t, ids(t, c, "9")[0], l.class(9), "labels and numbers of one name are one class")
		assert.EqualValues(t, c.other, l.class(70000))
	})
}

func unique(t *testing.T, c *Classes, names ...string) {
	t.Helper()
	has := map[int]bool{}
	for _, id := range ids(t, c, names...) {
		assert.False(t, has[id], "%d is there twice", id)
		has[id] = true
	}
}

func TestManyClasses(t *testing.T) {
	var all []Seen
	for i := range 600 {
		s := Seen{Name: fmt.Sprintf("class %03d", i), Rows: int64(1000 - i)}
		if i%2 == 0 {
			s.Masks = s.Rows
		}
		all = append(all, s)
	}
	c := NewClasses(ClassSpec{Seen: all})
	assert.Equal(t, 300-254, c.Crowded)
	assert.False(t, c.Truncated)
	assert.Equal(t, 255, c.other)
	assert.Equal(t, "other", c.Names()[255])
	for i, s := range all {
		id, known := c.id([]byte(s.Name))
		require.True(t, known)
		require.Equal(t, s.Name, c.Names()[id], "each has a class of its own in boxes")
		mask, _ := c.maskID([]byte(s.Name))
		if i%2 == 0 && i < 2*254 {
			require.EqualValues(t, id, mask, "the most frequent ones have theirs in masks")
		} else {
			require.EqualValues(t, 255, mask)
		}
	}
	all = nil
	for i := range MaxClasses + 100 {
		all = append(all, Seen{Name: fmt.Sprint("n", i), Rows: int64(9999 - i)})
	}
	c = NewClasses(ClassSpec{Seen: all})
	assert.True(t, c.Truncated)
	assert.Less(t, len(c.Names()), MaxClasses+maskIDs)
	id, known := c.id([]byte(all[len(all)-1].Name))
	assert.True(t, known)
	assert.Equal(t, "other", c.Names()[id])
}

// TestIDsAreStable adds and removes classes: most of the others keep their ids, and with
// them their masks keep their bytes.
func TestIDsAreStable(t *testing.T) {
	for _, n := range []int{3, 14, 40, 150} {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("thing %d", i))
		}
		before := NewClasses(ClassSpec{Seen: seen(names...)})
		after := NewClasses(ClassSpec{Seen: seen(append([]string{"a new one"}, names[1:]...)...)})
		moved := 0
		for _, name := range names[1:] {
			if ids(t, before, name)[0] != ids(t, after, name)[0] {
				moved++
			}
		}
		assert.LessOrEqual(t, moved, n/4, "of %d classes", n)
		assert.Equal(t, before, NewClasses(ClassSpec{Seen: seen(names...)}), "always the same")
	}
}
