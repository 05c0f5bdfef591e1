package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// longTexts are longer than a piece, with what may not be cut at each place of a piece's end.
func longTexts() map[string]string {
	texts := map[string]string{
		"plain": strings.Repeat("x", 3*pieceSize+7), "escapes": strings.Repeat("\x01", pieceSize+9), "quotes": strings.Repeat(`"\`, pieceSize),
		"not UTF-8": strings.Repeat("\xbf", 2*pieceSize), "a reference": artifactScheme + strings.Repeat("é", pieceSize),
	}
	for _, sign := range []string{"é", "中", "😀", "\xe4\xb8", "\\"} {
		for before := range 5 {
			texts[sign+strings.Repeat("+", before)] = strings.Repeat("a", pieceSize-before) + sign + strings.Repeat("b"+sign, pieceSize)
		}
	}
	return texts
}

func TestLongTextsAreWrittenAsShortOnesAre(t *testing.T) {
	for name, text := range longTexts() {
		want := string(appendText(nil, text))
		for how, write := range map[string]func(*Writer){
			"text": func(w *Writer) { w.Text(text) }, "bytes": func(w *Writer) { w.TextBytes([]byte(text)) },
			"BSON": func(w *Writer) {
				kind, value, err := bson.MarshalValue(text)
				require.NoError(t, err)
				w.BSON(bson.RawValue{Type: kind, Value: value})
			},
		} {
			var files partFiles
			w := NewWriter([]string{"a"}, files.open)
			w.BeginRow()
			write(w)
			require.NoError(t, w.EndRow())
			_, err := w.Close()
			require.NoError(t, err)
			assert.True(t, strings.Contains(files[0].String(), `"data":[[`+want+`]]`), "%s as %s", name, how)
		}
	}
}

func TestRowsAreCopiedByPieces(t *testing.T) {
	columns := []string{"picture", "a text, of \"quotes\"", "n"}
	var files partFiles
	w := NewWriter(columns, files.open)
	var want [][]any
	for _, text := range longTexts() {
		w.BeginRow()
		w.Image(Image{Path: "p", SHA256: "s", Format: "png", Caption: "],[\"}"})
		w.Text(text)
		w.Int(int64(len(want)))
		require.NoError(t, w.EndRow())
		var cell any
		require.NoError(t, json.Unmarshal(appendText(nil, text), &cell))
		want = append(want, []any{"Image", cell, float64(len(want))})
	}
	_, err := w.Close()
	require.NoError(t, err)
	for _, most := range []int{0, 1, 7, len(want), 1000} {
		var out bytes.Buffer
		require.NoError(t, CopyRows(&out, strings.NewReader(files[0].String()), columns, most))
		var got [][]any
		require.NoError(t, json.Unmarshal([]byte("["+out.String()+"]"), &got))
		assert.True(t, len(got) == min(most, len(want)) && (len(got) == 0 || assert.ObjectsAreEqual(want[:len(got)], got)), most)
	}
	cut := files[0].String()
	assert.Error(t, CopyRows(new(bytes.Buffer), strings.NewReader(cut[:len(cut)/2]), columns, 1000))
}

// TestPiecesAreShort keeps what a cell takes in memory within a piece, whatever it is made of.
func TestPiecesAreShort(t *testing.T) {
	for name, text := range longTexts() {
		cell := appendText(nil, text)
		var got []byte
		scratch, end, err := cellPieces(nil, bufio.NewReader(bytes.NewReader(append(cell, ']'))), func(piece []byte, _ bool) { got = append(got, piece...) })
		require.NoError(t, err)
		assert.Equal(t, byte(']'), end)
		assert.True(t, bytes.Equal(cell, got), name)
		assert.LessOrEqual(t, cap(scratch), 2*pieceSize, name)
	}
}
