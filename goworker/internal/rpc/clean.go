package rpc

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/plaintext"
)

// The longest texts that leave the worker, in characters: a name or an address, and a text of
// several lines.
const (
	longestName = 4_000
	longestText = 20_000
)

// cleanTexts cleans all texts of an event, most of which come from W&B, artifacts and samples.
// JSON stays as it is: it is data, and the shim cleans what it shows of it.
func cleanTexts(event *pb.RunResponse) { cleanMessage(event.ProtoReflect()) }

func cleanMessage(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
		case f.Kind() == protoreflect.MessageKind && f.IsList():
			for i := range v.List().Len() {
				cleanMessage(v.List().Get(i).Message())
			}
		case f.Kind() == protoreflect.MessageKind:
			cleanMessage(v.Message())
		case f.Kind() != protoreflect.StringKind || strings.HasSuffix(string(f.Name()), "_json"):
		case f.IsList():
			for i := range v.List().Len() {
				v.List().Set(i, protoreflect.ValueOfString(cleanText(f, v.List().Get(i).String())))
			}
		default:
			m.Set(f, protoreflect.ValueOfString(cleanText(f, v.String())))
		}
		return true
	})
}

// cleanText cleans the text of a field: only what is written for reading has lines.
func cleanText(f protoreflect.FieldDescriptor, text string) string {
	switch f.Name() {
	case "message", "description", "notes", "text", "caption":
		return plaintext.CleanLines(text, longestText)
	}
	return plaintext.Clean(text, longestName)
}
