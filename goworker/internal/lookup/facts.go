package lookup

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"

	"golang.org/x/sync/errgroup"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/idlist"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/metadata"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb"
)

// Facts are what a person chooses an artifact by.
//
// They are in the artifact's metadata, which may have 4 MB (10 MB in artifacts of the original plugin), and which a
// server gives whole or not at all. So lists leave it out, and Facts are looked up for the few artifacts that are
// shown: from the metadata where it must be small, judging by the artifact's size; else, for this plugin's own
// artifacts, from fiftyone/metadata.json and the size of fiftyone/sample_ids.txt.
type Facts struct {
	// Samples is 0 where it is not known; the texts are empty.
	Samples                                  int64
	DatasetName, ModelName, PredictionsField string
	// DatasetID is FiftyOne's id of the dataset. fiftyone/metadata.json does not have it.
	DatasetID string
}

const (
	// Metadata of an estimated size up to metadataSmall is asked for at once, and up to metadataLarge at all.
	// metadataBudget is the most that one lookup may ask for, in bytes as the others.
	metadataSmall  = 64 << 10
	metadataLarge  = 4 << 20
	metadataBudget = 12 << 20
	// identityLimit bounds a fiftyone/metadata.json that is read for its facts.
	identityLimit = 1 << 20
	// downloads is how many files are read at once.
	downloads = 24
)

// foundFacts are a version and its facts.
type foundFacts struct {
	Facts
	info wandb.ArtifactInfo
}

// metadataEstimate is about the most that a version's metadata takes, in bytes. Its lists have an entry for each
// row and label, as its table and the files of its lists do; where each row has a picture, the number of files says
// how many rows there are.
func metadataEstimate(a wandb.ArtifactInfo) int64 {
	const base, few, perPicture = 16 << 10, 8, 600
	size := a.Size
	if a.FileCount > few {
		size = min(size, a.FileCount*perPicture)
	}
	return size + size/8 + base
}

// factsOf looks up the facts of versions. Of one with a negative size, only the id is known. What the result lacks
// does not exist.
func factsOf(ctx context.Context, client *wandb.Client, infos []wandb.ArtifactInfo) (map[string]foundFacts, error) {
	var queries []wandb.DetailQuery
	for _, a := range infos {
		queries = append(queries, wandb.DetailQuery{ID: a.ID, Metadata: a.Size >= 0 && metadataEstimate(a) <= metadataSmall})
	}
	versions, err := askDetails(ctx, client, queries, []string{metadata.SampleIDsPath, metadata.IdentityPath})
	if err != nil {
		return nil, err
	}
	out := map[string]foundFacts{}
	var rest []wandb.DetailQuery
	var files []*wandb.ArtifactVersion
	budget := int64(metadataBudget)
	for _, q := range queries {
		v := versions[q.ID]
		if v == nil {
			continue
		}
		out[q.ID] = foundFacts{factsIn(v.Metadata), v.ArtifactInfo}
		if q.Metadata {
			continue
		}
		if f, ok := v.Files[metadata.IdentityPath]; ok && f.Size <= identityLimit {
			files = append(files, v)
		} else if n := metadataEstimate(v.ArtifactInfo); n <= min(metadataLarge, budget) {
			budget -= n
			rest = append(rest, wandb.DetailQuery{ID: q.ID, Metadata: true})
		}
	}
	return out, completeFacts(ctx, client, out, rest, files)
}

// completeFacts reads what the first answer did not hold.
func completeFacts(ctx context.Context, client *wandb.Client, out map[string]foundFacts, rest []wandb.DetailQuery, files []*wandb.ArtifactVersion) error {
	read := make([]Facts, len(files))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(downloads)
	var versions map[string]*wandb.ArtifactVersion
	g.Go(func() (err error) {
		versions, err = askDetails(gctx, client, rest, nil)
		return err
	})
	for i, v := range files {
		g.Go(func() error {
			raw, err := readSmall(gctx, client.OpenFile, v.Files[metadata.IdentityPath], identityLimit)
			if err != nil {
				return lenientFacts(gctx, err)
			}
			read[i] = factsIn(raw)
			read[i].Samples = (v.Files[metadata.SampleIDsPath].Size + 1) / idlist.Line
			return nil
		})
	}
	err := g.Wait()
	for i, v := range files {
		out[v.ID] = foundFacts{read[i], v.ArtifactInfo}
	}
	for id, v := range versions {
		out[id] = foundFacts{factsIn(v.Metadata), v.ArtifactInfo}
	}
	return err
}

// askDetails asks for any number of versions, some requests at a time.
func askDetails(ctx context.Context, client *wandb.Client, queries []wandb.DetailQuery, paths []string) (map[string]*wandb.ArtifactVersion, error) {
	out := map[string]*wandb.ArtifactVersion{}
	parts := make([]map[string]*wandb.ArtifactVersion, (len(queries)+wandb.MaxDetails-1)/wandb.MaxDetails)
	g, gctx := errgroup.WithContext(ctx)
	for i := range parts {
		batch := queries[i*wandb.MaxDetails : min((i+1)*wandb.MaxDetails, len(queries))]
		g.Go(func() (err error) {
			parts[i], err = client.ArtifactDetails(gctx, batch, paths)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, p := range parts {
		maps.Copy(out, p)
	}
	return out, nil
}

// lenientFacts lets a list go without the facts that could not be looked up.
func lenientFacts(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	slog.Warn("facts about artifacts are missing from a list", "reason", err)
	return nil
}

// readSmall reads a file of an artifact whole; it has at most limit bytes.
func readSmall(ctx context.Context, open openFile, f wandb.RemoteFile, limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, tooLargeFile(f.Path, f.Size, limit)
	}
	r, err := open(ctx, f)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

// factsIn are the facts that metadata, or fiftyone/metadata.json, holds. Anything may be written there: values of
// another form count as not known.
func factsIn(raw []byte) (f Facts) {
	top := metadata.Read(raw).Values
	for _, key := range []string{"num_samples", "fiftyone_view_size"} {
		if n, ok := asNumber(top[key]); ok && f.Samples == 0 {
			_ = json.Unmarshal(n, &f.Samples)
			f.Samples = max(f.Samples, 0)
		}
	}
	for key, to := range map[string]*string{
		"fiftyone_dataset_name": &f.DatasetName, "fiftyone_dataset_id": &f.DatasetID, "model_name": &f.ModelName, "predictions_field": &f.PredictionsField,
	} {
		_ = json.Unmarshal(top[key], to)
	}
	if f.DatasetName == "" {
		_ = json.Unmarshal(top["dataset"], &f.DatasetName)
	}
	return f
}
