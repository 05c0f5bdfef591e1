package rpc

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/collect"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/lookup"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/overlay"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/picture"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
)

// enumPair is a value of the wire contract and what the worker takes it for, by its number.
type enumPair struct {
	wire interface {
		protoreflect.Enum
		String() string
	}
	own int
}

// TestEnumsHaveOneOrder: enums are converted by their numbers, so each value has to be the other side's, and none may be missing.
func TestEnumsHaveOneOrder(t *testing.T) {
	for _, all := range [][]enumPair{
		{{pb.Stage_STAGE_CONNECTING, int(collect.StageConnecting)}, {pb.Stage_STAGE_READING, int(collect.StageReading)},
			{pb.Stage_STAGE_UPLOADING, int(collect.StageUploading)}, {pb.Stage_STAGE_COMMITTING, int(collect.StageCommitting)}},
		{{pb.RunRelation_RUN_RELATION_OURS, int(publish.RunOurs)}, {pb.RunRelation_RUN_RELATION_ENDED, int(publish.RunEnded)},
			{pb.RunRelation_RUN_RELATION_ACTIVE_HERE, int(publish.RunActiveHere)}, {pb.RunRelation_RUN_RELATION_ALIVE_ELSEWHERE, int(publish.RunAliveElsewhere)}},
		{{pb.ImageMode_IMAGE_MODE_THUMBNAIL, int(picture.Thumbnail)}, {pb.ImageMode_IMAGE_MODE_ORIGINAL, int(picture.Original)},
			{pb.ImageMode_IMAGE_MODE_REFERENCE, int(picture.Reference)}},
		{{pb.MaskMode_MASK_MODE_UNSPECIFIED, int(overlay.OwnMasks)}, {pb.MaskMode_MASK_MODE_ALL, int(overlay.AllMasks)},
			{pb.MaskMode_MASK_MODE_NONE, int(overlay.NoMasks)}},
		{{pb.LookupKind_LOOKUP_KIND_PROJECTS, int(lookup.Projects)}, {pb.LookupKind_LOOKUP_KIND_RUNS, int(lookup.Runs)},
			{pb.LookupKind_LOOKUP_KIND_ARTIFACTS, int(lookup.Artifacts)}, {pb.LookupKind_LOOKUP_KIND_VERSIONS, int(lookup.Versions)},
			{pb.LookupKind_LOOKUP_KIND_REPORTS, int(lookup.Reports)}},
		{{pb.IdList_ID_LIST_SAMPLES, int(lookup.IDSamples)}, {pb.IdList_ID_LIST_LABELS, int(lookup.IDLabels)},
			{pb.IdList_ID_LIST_LOW_CONFIDENCE, int(lookup.IDLowConfidence)}, {pb.IdList_ID_LIST_FALSE_POSITIVES, int(lookup.IDFalsePositives)},
			{pb.IdList_ID_LIST_FALSE_NEGATIVES, int(lookup.IDFalseNegatives)}, {pb.IdList_ID_LIST_WRONG, int(lookup.IDWrong)},
			{pb.IdList_ID_LIST_WORSE, int(lookup.IDWorse)}},
		{{pb.CellKind_CELL_KIND_UNSPECIFIED, int(lookup.CellEmpty)}, {pb.CellKind_CELL_KIND_TEXT, int(lookup.CellText)},
			{pb.CellKind_CELL_KIND_NUMBER, int(lookup.CellNumber)}, {pb.CellKind_CELL_KIND_BOOL, int(lookup.CellBool)},
			{pb.CellKind_CELL_KIND_TIME, int(lookup.CellTime)}, {pb.CellKind_CELL_KIND_JSON, int(lookup.CellJSON)},
			{pb.CellKind_CELL_KIND_IMAGE, int(lookup.CellImage)}, {pb.CellKind_CELL_KIND_MEDIA, int(lookup.CellMedia)}},
		{{pb.Source_SOURCE_SETTINGS, int(fault.Settings)}, {pb.Source_SOURCE_FIFTYONE, int(fault.FiftyOne)}, {pb.Source_SOURCE_WANDB, int(fault.WandB)},
			{pb.Source_SOURCE_MEDIA, int(fault.Media)}, {pb.Source_SOURCE_PLUGIN, int(fault.Plugin)}},
	} {
		values := all[0].wire.Descriptor().Values()
		named := values.Len()
		if all[0].wire.Number() != 0 { // then what is unspecified means nothing here
			named--
		}
		assert.Len(t, all, named, "%s", all[0].wire.Descriptor().Name())
		for _, one := range all {
			assert.EqualValues(t, one.wire.Number(), one.own, "%s", one.wire)
		}
	}
}
