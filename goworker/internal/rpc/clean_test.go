package rpc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
)

func TestWhatLeavesTheWorkerIsClean(t *testing.T) {
	const evil, shown = "a\x1b[31m\u202eb\n\x00c", "a[31mb c"
	var sent []*pb.RunResponse
	s := newSender(func(r *pb.RunResponse) error {
		sent = append(sent, r)
		return nil
	})
	require.NoError(t, s.send(&pb.RunResponse{Event: &pb.RunResponse_Progress{Progress: &pb.Progress{Label: evil}}}))
	require.NoError(t, s.send(&pb.RunResponse{Event: &pb.RunResponse_LookupResult{LookupResult: &pb.LookupResult{
		Entities: []string{evil}, Username: evil, Projects: []*pb.ProjectEntry{{Name: evil}},
		Reports: []*pb.ReportEntry{{Title: evil, Description: evil + strings.Repeat("x", longestText)}},
	}}}))
	assert.Equal(t, shown, sent[0].GetProgress().GetLabel())
	found := sent[1].GetLookupResult()
	assert.Equal(t, []string{shown, shown, shown, shown},
		[]string{found.GetEntities()[0], found.GetUsername(), found.GetProjects()[0].GetName(), found.GetReports()[0].GetTitle()})
	assert.True(t, strings.HasPrefix(found.GetReports()[0].GetDescription(), "a[31mb\nc"))
	assert.Len(t, []rune(found.GetReports()[0].GetDescription()), longestText+1)

	failure := &pb.RunResponse{Event: &pb.RunResponse_Failure{Failure: &pb.Failure{Message: evil}}}
	cleanTexts(failure)
	assert.Equal(t, "a[31mb\nc", failure.GetFailure().GetMessage())
	json := &pb.RunResponse{Event: &pb.RunResponse_ArtifactContent{ArtifactContent: &pb.ArtifactContent{MetadataJson: evil}}}
	cleanTexts(json)
	assert.Equal(t, evil, json.GetArtifactContent().GetMetadataJson(), "JSON is data")
}
