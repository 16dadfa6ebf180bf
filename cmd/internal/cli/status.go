package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"weir/exec"
	"weir/exec/runtime"
)

// statusLine is the one line that run keeps redrawing on a terminal: what goes in and out, how far
// behind it is, and when the last epoch was committed. Piped or quiet, it does nothing.
type statusLine struct {
	g     *jobGroup
	width int // 0: not on a terminal

	mu    sync.Mutex
	drawn bool
}

func (g *jobGroup) newStatusLine() *statusLine {
	s := &statusLine{g: g}
	f, ok := g.stderr.(interface{ Fd() uintptr })
	if g.quiet || g.logFormat == "json" || !ok || !isTerminal(g.stderr) {
		return s
	}
	g.live.Store(s)
	s.width = 80
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
		s.width = w
	}
	return s
}

// follow redraws the line five times a second until ended is closed.
func (s *statusLine) follow(ended <-chan struct{}) {
	if s.width == 0 {
		return
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	before := map[int]runtime.Status{}
	last := time.Now()
	for {
		select {
		case <-ended:
			return
		case now := <-tick.C:
			s.draw(before, now.Sub(last))
			last = now
		}
	}
}

func (s *statusLine) draw(before map[int]runtime.Status, passed time.Duration) {
	var in, out, late, lag int64
	var inRate, outRate float64
	var operators []runtime.OperatorStatus
	var latest runtime.Status
	lag = -1
	for i, r := range s.g.runners {
		st := r.Status()
		if prev, ok := before[i]; ok {
			inRate += smooth(&st.InRate, prev.InRate, float64(st.Rows.In-prev.Rows.In)/passed.Seconds())
			outRate += smooth(&st.OutRate, prev.OutRate, float64(st.Rows.Out-prev.Rows.Out)/passed.Seconds())
		}
		before[i] = st
		in, out, late = in+st.Rows.In, out+st.Rows.Out, late+st.Rows.Late
		operators = append(operators, st.Operators...)
		if st.Lag >= 0 {
			lag = max(lag, 0) + st.Lag
		}
		if i == 0 || st.LastCommit.After(latest.LastCommit) {
			latest = st
		}
	}
	latest.InRate, latest.OutRate, latest.Lag, latest.Rows.Late, latest.Operators = inRate, outRate, lag, late, operators
	parts := append([]string{string(latest.State)}, statusParts(latest)...)
	if latest.HasEpoch {
		parts = append(parts, fmt.Sprintf("epoch %d", latest.Epoch))
	}
	if !latest.LastCommit.IsZero() {
		parts = append(parts, fmt.Sprintf("committed %.1f s ago", time.Since(latest.LastCommit).Seconds()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = true
	fmt.Fprintf(s.g.stderr, "\r\x1b[K%s", clip(strings.Join(parts, "   "), s.width-1))
}

// statusParts is how fast a job is, how far behind, up to when its results are complete, and which of its splits, as the partitions of topics
// are called, that does not count.
func statusParts(st runtime.Status) []string {
	parts := []string{fmt.Sprintf("in %s/s", short(st.InRate)), fmt.Sprintf("out %s/s", short(st.OutRate))}
	if st.Lag >= 0 {
		parts = append(parts, "lag "+short(float64(st.Lag)))
	}
	if w := st.Watermark; w != exec.MinWatermark && w != exec.MaxWatermark {
		parts = append(parts, "watermark "+time.UnixMicro(int64(w)).UTC().Format("2006-01-02 15:04:05"))
	}
	if st.Rows.Late > 0 {
		parts = append(parts, "late "+short(float64(st.Rows.Late)))
	}
	var splits, idle, paused int64
	for _, o := range st.Operators {
		splits, idle, paused = splits+o.Splits, idle+o.Silent, paused+o.Paused
	}
	if idle > 0 {
		parts = append(parts, fmt.Sprintf("idle %d/%d", idle, splits))
	}
	if paused > 0 {
		parts = append(parts, fmt.Sprintf("waiting %d/%d", paused, splits))
	}
	return parts
}

// smooth is a moving average of a rate over the last second or so; it is kept in rate.
func smooth(rate *float64, before, now float64) float64 {
	*rate = before*0.8 + now*0.2
	if before == 0 {
		*rate = now
	}
	return *rate
}

// clear takes the line away, so that what follows starts at the left.
func (s *statusLine) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drawn {
		fmt.Fprint(s.g.stderr, "\r\x1b[K")
		s.drawn = false
	}
}

// short is a number in four or five characters: 950, 12.3k, 4.56M.
func short(x float64) string {
	switch {
	case x >= 1e9:
		return fmt.Sprintf("%.3gG", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.3gM", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.3gk", x/1e3)
	}
	return fmt.Sprintf("%.0f", x)
}

// clip cuts s to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// overLine writes to w, a terminal that the status line may stand on: the line is taken away first and comes
// back with the next redraw.
type overLine struct {
	app *app
	w   io.Writer
}

func (o overLine) Write(p []byte) (int, error) {
	if s := o.app.live.Load(); s != nil {
		s.clear()
	}
	return o.w.Write(p)
}
