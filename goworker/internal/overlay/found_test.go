package overlay

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// found are the classes of segmentations without targets, after a look into some of their masks.
func found(t testing.TB, masks ...bson.Binary) *Classes {
	t.Helper()
	finder := NewFinder(noFiles, nil, MaxRaster)
	for _, m := range masks {
		finder.Look(t.Context(), raw(t, bson.D{{Key: "mask", Value: m}}))
	}
	finder.Look(t.Context(), raw(t, bson.D{{Key: "mask_path", Value: "gone.png"}}))
	finder.Look(t.Context(), raw(t, nil))
	spec := ClassSpec{Targets: []*Targets{nil}}
	finder.Add(&spec)
	assert.Equal(t, len(spec.Seen) > 0, finder.Found())
	return NewClasses(spec)
}

// namesIn are the names of the classes in the mask of a label, pixel by pixel.
func namesIn(t testing.TB, classes *Classes, mask bson.Binary, pic Picture) (out []string, trouble Trouble) {
	t.Helper()
	got := one(t, Field{Path: "f", Type: "Segmentation"}, classes, OwnMasks, pic, bson.D{{Key: "mask", Value: mask}})
	require.Len(t, got.Masks, 1)
	for _, id := range got.Masks[0].ClassIDs {
		out = append(out, classes.Names()[id])
	}
	return out, got.Trouble
}

func TestColoursWithoutTargetsAreClassesOfTheirOwn(t *testing.T) {
	mask := array("|u1", "1, 4, 3", []byte{255, 0, 0, 7, 7, 7, 0, 0, 0, 16, 32, 48})
	classes := found(t, mask)
	names, trouble := namesIn(t, classes, mask, Picture{Width: 4, Height: 1})
	assert.ElementsMatch(t, []string{backgroundName, "#ff0000", "7", "#102030"}, names, "greys are numbers")
	assert.Zero(t, trouble)

	late := array("|u1", "1, 1, 3", []byte{1, 2, 3})
	names, trouble = namesIn(t, classes, late, Picture{Width: 1, Height: 1})
	assert.Equal(t, []string{otherName}, names)
	assert.Equal(t, OtherValues, trouble)
}

func TestNumbersBeyondAByteAreClassesOfTheirOwn(t *testing.T) {
	mask := array("<u2", "1, 4", []uint16{0, 200, 300, 65535})
	classes := found(t, mask, array("<u2", "1, 1", []uint16{300}))
	names, trouble := namesIn(t, classes, mask, Picture{Width: 4, Height: 1})
	assert.ElementsMatch(t, []string{backgroundName, "200", "300", "65535"}, names)
	assert.Zero(t, trouble)
}

// There is room for a few; of more the most frequent have their own, as with labels.
func TestManyColoursShareAClass(t *testing.T) {
	var pixels []byte
	for i := range 300 {
		pixels = append(pixels, 1, byte(i), byte(i/256+2))
	}
	common := array("|u1", "1, 1, 3", []byte{9, 8, 7})
	classes := found(t, array("|u1", "1, 300, 3", pixels), common, common)
	assert.Positive(t, classes.Crowded)
	names, trouble := namesIn(t, classes, common, Picture{Width: 1, Height: 1})
	assert.Equal(t, []string{"#090807"}, names)
	assert.Zero(t, trouble)
}

// Masks of numbers below 256 are as they were.
func TestNothingIsFoundInPlainMasks(t *testing.T) {
	plain := found(t, drawn(".19"), array("|u1", "1, 1, 3", []byte{5, 5, 5}), array("<u2", "1, 1", []uint16{255}))
	assert.Equal(t, NewClasses(ClassSpec{Targets: []*Targets{nil}}).Names(), plain.Names())
}
