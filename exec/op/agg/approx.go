package agg

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"weir/exec/batch"
	"weir/state"
)

// newApprox makes APPROX_COUNT_DISTINCT: the hashes of the values as long as they are few, which counts them exactly, and a HyperLogLog
// of 2^14 registers afterwards, whose standard error is 0.8 %.
//
//	nothing | 0, hashes of 8 bytes, ascending | 1, registers of a byte
func newApprox(c *Call) (Func, error) {
	if c.Retract {
		return nil, fmt.Errorf("APPROX_COUNT_DISTINCT cannot take rows back")
	}
	cl, err := newCell(c.Func, c.Types[0])
	if err != nil {
		return nil, err
	}
	return &approx{arg: c.Args[0], cell: cl}, nil
}

type approx struct {
	place
	arg        int
	cell       cell
	buf, whole []byte
}

const (
	approxHashes    = 0
	approxRegisters = 1

	hashesMost   = 512
	registerBits = 14
	registers    = 1 << registerBits
)

func (a *approx) size() (int, bool) { return 0, true }
func (a *approx) format() string    { return "approx1" }

func (a *approx) Update(r *Rows) error {
	v := r.In.Cols[a.arg]
	var tmp [16]byte
	for k, i := range r.Pos {
		if v.IsNull(int(i)) {
			continue
		}
		if err := a.add(r, k, state.Hash(a.cell.read(v, int(i), &tmp))); err != nil {
			return err
		}
	}
	return nil
}

// add adds a hash to row k.
func (a *approx) add(r *Rows, k int, hash uint64) (err error) {
	sec := a.getVar(r, k)
	if len(sec) > 0 && sec[0] == approxRegisters {
		at, rank := register(hash)
		if sec[1+at] >= rank {
			return nil
		}
		a.buf = append(a.buf[:0], sec...)
		a.buf[1+at] = rank
		a.whole, err = a.putVar(r, k, a.buf, a.whole)
		return err
	}
	if len(sec) > 0 {
		sec = sec[1:]
	}
	at, found := findHash(sec, hash)
	if found {
		return nil
	}
	a.buf = append(append(a.buf[:0], approxHashes), sec[:at]...)
	a.buf = binary.BigEndian.AppendUint64(a.buf, hash)
	a.buf = append(a.buf, sec[at:]...)
	if len(a.buf) > 1+8*hashesMost {
		a.buf = toRegisters(a.buf[1:])
	}
	a.whole, err = a.putVar(r, k, a.buf, a.whole)
	return err
}

// findHash is where hash is, or would be, among hashes.
func findHash(hashes []byte, hash uint64) (at int, found bool) {
	lo, hi := 0, len(hashes)/8
	for lo < hi {
		mid := (lo + hi) / 2
		if binary.BigEndian.Uint64(hashes[8*mid:]) < hash {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return 8 * lo, 8*lo < len(hashes) && binary.BigEndian.Uint64(hashes[8*lo:]) == hash
}

// register is the number of a hash's register, and what it raises it to: the place of the first 1 in the other bits.
func register(hash uint64) (at int, rank byte) {
	return int(hash >> (64 - registerBits)), byte(min(bits.LeadingZeros64(hash<<registerBits), 64-registerBits) + 1)
}

func toRegisters(hashes []byte) []byte {
	out := make([]byte, 1+registers)
	out[0] = approxRegisters
	for ; len(hashes) > 0; hashes = hashes[8:] {
		at, rank := register(binary.BigEndian.Uint64(hashes))
		out[1+at] = max(out[1+at], rank)
	}
	return out
}

func (a *approx) Merge(dst, src *Rows) (err error) {
	for k := range src.Slots {
		sec := a.getVar(src, k)
		switch {
		case len(sec) == 0:
		case sec[0] == approxHashes:
			for hashes := sec[1:]; len(hashes) > 0; hashes = hashes[8:] {
				if err := a.add(dst, k, binary.BigEndian.Uint64(hashes)); err != nil {
					return err
				}
			}
		default:
			old := a.getVar(dst, k)
			if len(old) > 0 && old[0] == approxHashes {
				old = toRegisters(old[1:])
			}
			a.buf = append(a.buf[:0], sec...)
			for i, rank := range old {
				a.buf[i] = max(a.buf[i], rank)
			}
			if a.whole, err = a.putVar(dst, k, a.buf, a.whole); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *approx) Values(r *Rows, out *batch.Vector, at []int32) error {
	for k := range r.Slots {
		sec := a.getVar(r, k)
		switch {
		case len(sec) == 0:
			out.Int[at[k]] = 0
		case sec[0] == approxHashes:
			out.Int[at[k]] = int64(len(sec) / 8)
		default:
			out.Int[at[k]] = estimate(sec[1:])
		}
	}
	return nil
}

// estimate is the number of values that registers stand for, by the estimator that O. Ertl gave in "New cardinality estimation
// algorithms for HyperLogLog sketches" (2017): it needs no tables of corrections.
func estimate(regs []byte) int64 {
	const most = 64 - registerBits
	var count [most + 2]float64
	for _, r := range regs {
		count[r]++
	}
	m := float64(registers)
	z := m * tau((m-count[most+1])/m)
	for k := most; k >= 1; k-- {
		z = (z + count[k]) / 2
	}
	z += m * sigma(count[0]/m)
	return int64(math.Round(m * m / (2 * math.Ln2) / z))
}

// sigma corrects for registers that are still 0, of which x is the part.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	sum, power := x, 1.0
	for {
		x *= x
		next := sum + x*power
		if next == sum {
			return sum
		}
		sum, power = next, power*2
	}
}

// tau corrects for registers that can rise no further; x is the part that can.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	sum, power := 1-x, 1.0
	for {
		x = math.Sqrt(x)
		power /= 2
		next := sum - (1-x)*(1-x)*power
		if next == sum {
			return sum / 3
		}
		sum = next
	}
}
