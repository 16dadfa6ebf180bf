package runtime

import "weir/exec"

// valve makes one watermark of those of a task's channels: the least of the channels that are
// active. A channel that is idle, or has ended while others go on, does not count. The
// result never falls, whatever a channel that wakes up says.
type valve struct {
	channels []*channel
	current  exec.Watermark // last watermark put out; after a restore the restored one
	idle     bool           // the last thing put out: nothing is to be expected
}

// valveOutput is what a change of a channel leads to: nothing, a watermark, becoming idle or active.
type valveOutput struct {
	wm      exec.Watermark
	advance bool // wm is to be forwarded
	idle    bool // the task became idle
	active  bool // the task became active again, without a watermark
}

// change is called after a channel's wm, idle or ended changed.
func (v *valve) change() valveOutput {
	least, most := exec.MaxWatermark, exec.MinWatermark
	active, ended := 0, 0
	for _, c := range v.channels {
		switch {
		case c.ended:
			ended++
			continue
		case c.idle:
		default:
			active++
			least = min(least, c.wm)
		}
		most = max(most, c.wm)
	}
	var out valveOutput
	switch {
	case ended == len(v.channels):
		least = exec.MaxWatermark
	case active == 0:
		// All who may still speak are idle: the watermark goes to the furthest that anybody
		// has promised, so that nothing waits for a split that says nothing (as in Flink).
		if !v.idle {
			v.idle, out.idle = true, true
		}
		least = most
	}
	if active > 0 && v.idle {
		v.idle, out.active = false, true
	}
	if least > v.current {
		v.current, out.wm, out.advance = least, least, true
	}
	return out
}
