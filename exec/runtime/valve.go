package runtime

import "weir/exec"

// valve makes one watermark of those of a task's channels: of each input the least of the channels that count, and of two inputs the lesser one.
// The result never falls, whatever a channel that wakes up says. As in Flink a channel does not count
//
//   - while it is idle, and when it has ended while others go on
//   - when it has woken up, until it has caught up with what its input has promised without it: nobody waits for it, and its rows may be late
//
// An input that is idle as a whole does not count either; one that wakes up does at once, with what it had promised.
type valve struct {
	inputs  []valveInput
	floor   exec.Watermark // reached in an earlier run: a channel that comes back behind it had not caught up. Of two inputs it is not known
	current exec.Watermark // last watermark put out
	reached exec.Watermark // the furthest one, in an earlier run too, but for the end of the input
	idle    bool           // the last thing put out: nothing is to be expected
}

// valveInput is the channels of one input.
type valveInput struct {
	channels []*channel
	current  exec.Watermark // what they have promised together
}

// valveOutput is what a change of a channel leads to: nothing, a watermark, becoming idle or active.
type valveOutput struct {
	wm      exec.Watermark
	advance bool // wm is to be forwarded
	idle    bool // the task became idle
	active  bool // the task became active again, without a watermark
}

func newValve(channels []*channel) *valve {
	v := &valve{floor: exec.MinWatermark, current: exec.MinWatermark, reached: exec.MinWatermark}
	for _, c := range channels {
		for c.input >= len(v.inputs) {
			v.inputs = append(v.inputs, valveInput{current: exec.MinWatermark})
		}
		v.inputs[c.input].channels = append(v.inputs[c.input].channels, c)
	}
	return v
}

// restore takes the watermark that was reached at the restored epoch. It is put out again when the channels make it again.
func (v *valve) restore(wm exec.Watermark) {
	v.reached = wm
	if len(v.inputs) == 1 {
		v.floor = wm
	}
}

// change is called after a channel's wm, idle or ended changed.
func (v *valve) change() valveOutput {
	least, most := exec.MaxWatermark, exec.MinWatermark
	active, ended := 0, 0
	for i := range v.inputs {
		in := &v.inputs[i]
		switch in.change(v.floor) {
		case inputEnded:
			ended++
			continue
		case inputActive:
			active++
			least = min(least, in.current)
		}
		most = max(most, in.current)
	}
	var out valveOutput
	switch {
	case ended == len(v.inputs):
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
		if least != exec.MaxWatermark {
			v.reached = max(v.reached, least)
		}
	}
	return out
}

// inputState is what can be expected of an input.
type inputState uint8

const (
	inputActive inputState = iota
	inputIdle
	inputEnded
)

// change brings what the channels have promised up to date. floor is a watermark that was reached in an earlier run.
func (in *valveInput) change(floor exec.Watermark) inputState {
	least, most := exec.MaxWatermark, exec.MinWatermark
	active, ended, counted := 0, 0, 0
	for _, c := range in.channels {
		if c.ended {
			ended++
			continue
		}
		most = max(most, c.wm)
		if c.idle {
			c.slept = true
			continue
		}
		active++
		// One that has said nothing yet, and was never idle, is waited for.
		if c.wm >= max(in.current, floor) || c.wm == exec.MinWatermark && !c.slept {
			counted++
			least = min(least, c.wm)
		}
	}
	switch {
	case ended == len(in.channels):
		return inputEnded
	case active == 0:
		in.current = max(in.current, most)
		return inputIdle
	case counted > 0:
		in.current = max(in.current, least)
	}
	return inputActive
}
