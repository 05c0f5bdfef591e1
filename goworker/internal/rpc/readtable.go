package rpc

import (
	"context"

	pb "github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/gen/wandbworker/v1"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/lookup"
	"github.com/harpreetsahota204/fiftyone_wandb_plugin/goworker/internal/wandb/config"
)

// readTable does a ReadTable and sends what it found.
func readTable(ctx context.Context, m *pb.ReadTable, in config.Inputs, send func(*pb.RunResponse) error) error {
	res, err := lookup.ReadTable{
		Settings: in, Reference: m.GetReference(), Table: m.GetTable(), Rows: int(m.GetRows()), Side: int(m.GetPictureSize()),
	}.Run(ctx)
	if err != nil {
		return err
	}
	out := &pb.TableHead{
		Tables: res.Tables, Table: res.Table, Message: res.Note, Columns: res.Columns, AllColumns: int32(res.AllColumns), //nolint:gosec // bounded by the file
		Rows: each(res.Rows, func(row []lookup.TableCell) *pb.TableRow { return &pb.TableRow{Cells: each(row, tableCellOf)} }),
		More: res.More, Total: res.Total,
		Pictures: each(res.Pictures, func(p lookup.TablePicture) *pb.TablePicture {
			return &pb.TablePicture{Data: p.Bytes, Format: p.Format, Width: int32(p.Width), Height: int32(p.Height)} //nolint:gosec // small
		}),
		Classes: each(res.Classes, func(c lookup.TableClass) *pb.TableClass { return &pb.TableClass{Name: c.Name, Colour: c.Colour} }),
	}
	return send(&pb.RunResponse{Event: &pb.RunResponse_TableHead{TableHead: out}})
}

func tableCellOf(c lookup.TableCell) *pb.TableCell {
	out := &pb.TableCell{Kind: pb.CellKind(c.Kind), Text: c.Text, Cut: c.Cut} //nolint:gosec // same order
	if img := c.Image; img != nil {
		out.Image = &pb.TableImage{
			Picture: int32(img.Picture), Problem: img.Problem, Caption: img.Caption, //nolint:gosec // small
			Boxes: each(img.Boxes, func(l lookup.TableBoxes) *pb.TableBoxes {
				return &pb.TableBoxes{Key: l.Key, Boxes: each(l.Boxes, tableBoxOf), Left: int32(min(l.Left, 1<<30))} //nolint:gosec // bounded
			}),
			Masks: each(img.Masks, func(m lookup.TableMask) *pb.TableMask {
				return &pb.TableMask{Key: m.Key, Picture: int32(m.Picture), Problem: m.Problem} //nolint:gosec // small
			}),
		}
	}
	return out
}

func tableBoxOf(b lookup.TableBox) *pb.TableBox {
	return &pb.TableBox{MinX: b.MinX, MaxX: b.MaxX, MinY: b.MinY, MaxY: b.MaxY, Caption: b.Caption, Colour: b.Colour}
}
