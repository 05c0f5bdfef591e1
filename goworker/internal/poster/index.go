package poster

import (
	"bufio"
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

// index knows when a video's frames are shown, from its packets, which are read without being decoded. The n-th frame is that of
// the packet with the n-th smallest time.
type index struct {
	packets  []packet // in the order of their times
	tick     float64  // seconds of a packet's unit of time
	complete bool     // to the end of the video
}

type packet struct {
	time int64
	key  bool
}

const (
	// maxPackets bounds an index: beyond, frames are counted.
	maxPackets = 1 << 20
	// minPackets is how many are read at least, and reordered by how many places at most a frame's packet may come later than those of frames behind it.
	minPackets = 4096
	reordered  = 64
)

// time is that of a frame, in seconds.
func (x *index) time(number int64) float64 { return float64(x.packets[number-1].time) * x.tick }

// keyBefore is the number of the last keyframe up to a frame. It is not ok where the packets do not tell.
func (x *index) keyBefore(ctx context.Context, f *Film, number int64) (key int64, ok bool, err error) {
	if !x.complete && number > int64(len(x.packets))-reordered {
		if err := x.read(ctx, f, max(2*number, minPackets)); err != nil {
			return 0, false, err
		}
	}
	if number > int64(len(x.packets)) {
		return 0, false, nil
	}
	for key = number; key >= 1; key-- {
		if x.packets[key-1].key {
			return key, true, nil
		}
	}
	return 0, false, nil
}

// read reads the packets from the beginning, a number of them. It leaves none where their times are of no use.
func (x *index) read(ctx context.Context, f *Film, count int64) error {
	*x = index{complete: true}
	if count > maxPackets {
		return nil
	}
	args := append(f.input(1, "-copyts"), "-c", "copy", "-frames:v", strconv.FormatInt(count, 10), "-f", "framecrc", "pipe:1")
	r, err := f.launch(args)
	if err != nil {
		return nil //nolint:nilerr // frames are counted then, which fails, too
	}
	stop := context.AfterFunc(ctx, r.cancel)
	timer := time.AfterFunc(f.maker.patient(), r.cancel)
	read, ok := x.parse(r)
	late := !timer.Stop()
	stop()
	_ = r.close(false)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	slices.SortFunc(x.packets, func(a, b packet) int { return cmp.Compare(a.time, b.time) })
	distinct := len(slices.CompactFunc(slices.Clone(x.packets), func(a, b packet) bool { return a.time == b.time })) == len(x.packets)
	if !ok || late || !distinct || x.tick <= 0 {
		*x = index{complete: true}
		return nil
	}
	x.complete = read < count
	return nil
}

// Flags of a packet as FFmpeg's header packet.h numbers them.
const (
	flagKey     = 1
	flagDiscard = 4
)

// parse reads the lines of ffmpeg's format "framecrc": "#tb 0: 1/25" for the unit of time, and "0, dts, pts, duration, size, checksum" for a
// packet, with "F=0x0" for its flags where it is not just a keyframe.
func (x *index) parse(r *run) (read int64, ok bool) {
	lines := bufio.NewScanner(r.reader)
	for lines.Scan() {
		line := lines.Text()
		if unit, found := strings.CutPrefix(line, "#tb 0: "); found {
			num, den, _ := strings.Cut(unit, "/")
			n, err1 := strconv.ParseFloat(num, 64)
			d, err2 := strconv.ParseFloat(den, 64)
			if err1 != nil || err2 != nil || d <= 0 {
				return read, false
			}
			x.tick = n / d
		}
		if line == "#codec_id 0: vp8" { // some of its packets show nothing
			return read, false
		}
		if line == "" || line[0] == '#' {
			continue
		}
		parts := strings.Split(line, ",")
		if len(parts) < 6 {
			return read, false
		}
		at, err := strconv.ParseInt(strings.TrimSpace(parts[2]), 10, 64)
		if err != nil || at == -1<<63 {
			return read, false
		}
		read++
		flags := int64(flagKey)
		for _, part := range parts[6:] {
			if text, found := strings.CutPrefix(strings.TrimSpace(part), "F=0x"); found {
				flags, err = strconv.ParseInt(text, 16, 64)
				if err != nil {
					return read, false
				}
			}
		}
		if flags&flagDiscard == 0 {
			x.packets = append(x.packets, packet{time: at, key: flags&flagKey != 0})
		}
	}
	return read, lines.Err() == nil
}
