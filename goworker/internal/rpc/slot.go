package rpc

import (
	"cmp"
	"context"
	"os"
	"runtime"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/fault"
	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/poster"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/publish"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/secret"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/shard"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/sharing"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// runSlot works on a job that several workers share. What is this machine's own or a secret comes with the call, all else from the job's document.
func (w *Jobs) runSlot(ctx context.Context, m *pb.RunSlot, in config.Inputs, events publish.Events) (*publish.Result, error) {
	slot, err := sharing.OpenSlot(ctx, secret.String(m.GetUri()), m.GetDatabase(), m.GetJobId())
	if err != nil {
		return nil, err
	}
	defer slot.Close()
	req := &pb.RunRequest{}
	if err := proto.Unmarshal(slot.Request, req); err != nil {
		return nil, badSlot(err)
	}
	// The key is sent to this machine's own server only.
	own, planned := cmp.Or(in.BaseURL, in.Env["WANDB_BASE_URL"]), req.GetWandb().GetBaseUrl()
	if own != "" && planned != "" && own != planned {
		return nil, fault.New(fault.Settings, fault.OtherServer,
			"The job logs to a different W&B server than this machine's settings name, so this slot leaves it to the others: set the same server on all machines.")
	}
	in.Entity, in.Project = req.GetWandb().GetEntity(), req.GetWandb().GetProject()
	in.ActiveRun, in.Offline = nil, false
	o := shard.Options{Slot: int(m.GetSlot()), Operation: m.GetOperation(), Lease: time.Duration(m.GetLeaseMilliseconds()) * time.Millisecond,
		Machine: shard.Machine{Build: w.Source, Go: runtime.Version(), Arch: runtime.GOARCH}, Point: pointOf(ctx, m.GetPoint(), m.GetPointFile())}
	if needsFFmpeg(req) {
		if o.Machine.FFmpeg, err = poster.ProgramVersion(ctx, m.GetMachine().GetFfmpeg()); err != nil {
			return nil, err
		}
	}
	var shared sharing.Shardable
	switch one := req.GetJob().(type) {
	case *pb.RunRequest_LogView:
		onThisMachine(one.LogView.GetView(), one.LogView.GetPictures(), m)
		shared, err = logViewOf(one.LogView, in)
	case *pb.RunRequest_LogPredictions:
		onThisMachine(one.LogPredictions.GetView(), one.LogPredictions.GetPictures(), m)
		shared, err = logPredictionsOf(one.LogPredictions, in)
	case *pb.RunRequest_LogEvaluation:
		onThisMachine(one.LogEvaluation.GetView(), one.LogEvaluation.GetPictures(), m)
		for _, s := range one.LogEvaluation.GetSubsets() {
			onThisMachine(s.GetView(), nil, m)
		}
		shared, err = logEvaluationOf(one.LogEvaluation, in)
	default:
		return nil, badSlot(nil)
	}
	if err != nil {
		return nil, err
	}
	return slot.Run(ctx, shared, o, events)
}

// onThisMachine fills what the job's document leaves to each machine.
func onThisMachine(v *pb.View, p *pb.Pictures, m *pb.RunSlot) {
	if v != nil {
		v.Uri = m.GetUri()
	}
	if p != nil {
		own := m.GetMachine()
		p.CacheDirectory, p.CacheBytes, p.Ffmpeg, p.Pillow = own.GetCacheDirectory(), own.GetCacheBytes(), own.GetFfmpeg(), own.GetPillow()
	}
}

// needsFFmpeg reports whether the job's pictures may come out of videos.
func needsFFmpeg(req *pb.RunRequest) bool {
	pictures, wanted, dataset := req.GetLogView().GetPictures(), req.GetLogView().GetIncludeImages(), req.GetLogView().GetDataset()
	if p := req.GetLogPredictions(); p != nil {
		pictures, wanted, dataset = p.GetPictures(), p.GetIncludeImages(), p.GetDataset()
	}
	if e := req.GetLogEvaluation(); e != nil {
		pictures, wanted, dataset = e.GetPictures(), e.GetIncludeImages(), e.GetDataset()
	}
	media := dataset.GetMediaType()
	return wanted && (media == "video" || media == "group" || pictures.GetFrameSource() != "")
}

// pointOf stops the worker at a point, for tests: the first worker to come there makes the file, and dies, or waits until there is a file of that name with ".go".
func pointOf(ctx context.Context, text, file string) func(string) {
	action, name, found := strings.Cut(text, " ")
	if !found {
		return nil
	}
	return func(at string) {
		if at != name {
			return
		}
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the test's own
		if err != nil {
			return
		}
		_ = f.Close()
		if action == "die" {
			if p, err := os.FindProcess(os.Getpid()); err == nil {
				_ = p.Kill()
			}
		}
		for ctx.Err() == nil {
			if _, err := os.Stat(file + ".go"); err == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func badSlot(err error) error {
	return fault.Wrap(err, fault.Plugin, fault.UnknownJob,
		"The job's document cannot be read: it was made by another release of the plugin. Install the same release on all machines that work on one job.")
}
