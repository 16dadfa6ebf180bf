package op

import (
	"encoding/binary"

	"weir/exec"
	"weir/planner/config"
	"weir/state"
)

// progress keeps the watermark at which the state of an operator was made. A restored job may start from an older
// one (a split that was idle), and must not put a window out twice. The watermark is the same in all subtasks
// at a barrier, and kept once for each key group, so that it is found again at any parallelism.
type progress struct {
	table  state.Table
	groups [][]byte // a key in each key group of the subtask
	saved  exec.Watermark
}

// open declares the table, and gives the watermark that the state was made at.
func (p *progress) open(ctx *exec.TaskContext, st state.Scope) (wm exec.Watermark, err error) {
	p.table, err = st.Table(state.TableSpec{Name: "progress", Fixed: 8, Schema: "watermark1"})
	if err != nil {
		return 0, err
	}
	p.findGroups(ctx)
	p.saved, err = p.restored()
	return p.saved, err
}

// findGroups looks for a key in each key group of the subtask.
func (p *progress) findGroups(ctx *exec.TaskContext) {
	groups := state.KeyGroups
	if ctx.Config != nil {
		if n := ctx.Config.Int(config.MaxParallelism); n > 0 {
			groups = n
		}
	}
	r := ctx.KeyGroups
	p.groups = make([][]byte, r.To-r.From)
	missing := len(p.groups)
	var key [4]byte
	for i := uint32(0); missing > 0; i++ {
		binary.LittleEndian.PutUint32(key[:], i)
		if g := state.KeyGroupOf(state.Hash(key[:]), groups) - r.From; g >= 0 && g < len(p.groups) && p.groups[g] == nil {
			p.groups[g] = append([]byte{}, key[:]...)
			missing--
		}
	}
}

func (p *progress) restored() (exec.Watermark, error) {
	wm := exec.MaxWatermark
	m := p.table.Map(0)
	for _, key := range p.groups {
		r, err := m.Find(state.Hash(key), key)
		if err != nil {
			return 0, err
		}
		if r == state.NoRef {
			return exec.MinWatermark, nil
		}
		wm = min(wm, exec.Watermark(binary.LittleEndian.Uint64(m.Fixed(r))))
	}
	if len(p.groups) == 0 {
		return exec.MinWatermark, nil
	}
	return wm, nil
}

// snapshot saves how far event time has come. The end of the input is not part of it: it closed all windows, and if more is read
// in another run (weir run --until end), that is not late for it.
func (p *progress) snapshot(wm exec.Watermark) error {
	if wm == exec.MaxWatermark || wm == p.saved {
		return nil
	}
	m := p.table.Map(0)
	for _, key := range p.groups {
		r, _, err := m.Upsert(state.Hash(key), key)
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(m.Fixed(r), uint64(wm))
	}
	p.saved = wm
	return nil
}
