package label

import (
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// boxes is a Detections of n boxes in the form that a projection to Paths leaves.
func boxes(n, classes int) bson.RawValue {
	items := bson.A{}
	for i := range n {
		items = append(items, bson.D{
			{Key: "_id", Value: bson.ObjectID{0: 0x6b, 10: byte(i >> 8), 11: byte(i)}},
			{Key: "label", Value: fmt.Sprintf("class %d", i%classes)},
			{Key: "confidence", Value: float64(i%100) / 100},
		})
	}
	return document(bson.D{{Key: "_cls", Value: "Detections"}, {Key: "detections", Value: items}})
}

// document is a value as a cursor hands it out.
func document(d any) bson.RawValue {
	raw, err := bson.Marshal(d)
	if err != nil {
		panic(err)
	}
	return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: raw}
}

func BenchmarkFormat(b *testing.B) {
	point := bson.A{0.25, 0.75}
	for _, c := range []struct {
		name string
		v    bson.RawValue
	}{
		{"detections/10", boxes(10, 4)},
		{"detections/10classes", boxes(10, 10)},
		{"detections/1000", boxes(1000, 80)},
		{"classification", document(bson.D{{Key: "_cls", Value: "Classification"}, {Key: "label", Value: "cat"}, {Key: "confidence", Value: 0.95}})},
		{"regression", document(bson.D{{Key: "_cls", Value: "Regression"}, {Key: "value", Value: 3.14}})},
		{"polyline", document(bson.D{{Key: "_cls", Value: "Polyline"}, {Key: "points", Value: bson.A{bson.A{point, point, point, point}}}})},
		{"geolocation", document(bson.D{{Key: "_cls", Value: "GeoLocation"}, {Key: "point", Value: bson.D{{Key: "coordinates", Value: point}}}})},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := NewFormatter("")
			b.ReportAllocs()
			b.SetBytes(int64(len(c.v.Value)))
			for b.Loop() {
				f.Format(c.v)
			}
		})
	}
}
