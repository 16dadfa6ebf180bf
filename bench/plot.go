package main

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// series are the bars of each job, from left to right.
var series = []struct {
	name   string
	engine string
	states []string // Flink's, one of which a job has in this series
	colour color.Color
}{
	{"bare loop", "bare", []string{""}, color.RGBA{0x9a, 0xa0, 0xa6, 0xff}},
	{"weir", "weir", []string{""}, color.RGBA{0x0b, 0x7a, 0x75, 0xff}},
	{"Kafka Streams", "kstreams", []string{""}, color.RGBA{0xf2, 0xb7, 0x05, 0xff}},
	{"Flink (heap, where it has state)", "flink", []string{"", "hashmap"}, color.RGBA{0xe6, 0x52, 0x6f, 0xff}},
	{"Flink, RocksDB", "flink", []string{"rocksdb"}, color.RGBA{0x8e, 0x2c, 0x5a, 0xff}},
}

// plotted are the jobs of the plot. The bare loop, which knows no jobs, stands beside (a).
var plotted = []struct{ job, title string }{
	{"passthrough", "(a) JSON to JSON"}, {"filter", "(b) filter, expressions"}, {"tumble", "(c) tumble, 100 k keys"}, {"group", "(d) group, 1 M keys"},
}

// plot draws three panels of bars, one below the other: CPU, throughput, memory.
func (r *report) plot(file string) (err error) {
	const width, height = 18 * vg.Centimeter, 7 * vg.Centimeter
	panels := []struct {
		title  string
		value  func(*line) float64
		format string
	}{
		{"CPU per record, µs (less is better)", func(l *line) float64 { return l.MicrosPerRec }, "%.1f"},
		{"Throughput, thousand records a second (more is better)", func(l *line) float64 { return l.RecordsPerSec / 1000 }, "%.0f"},
		{"Peak memory, MB (less is better)", func(l *line) float64 { return l.PeakMB }, "%.0f"},
	}
	canvas := vgsvg.New(width, height*vg.Length(len(panels)))
	all := draw.New(canvas)
	for i, panel := range panels {
		p, err := r.panel(panel.title, panel.value, panel.format, i == 0)
		if err != nil {
			return fmt.Errorf("plot %s: %w", panel.title, err)
		}
		bottom := height * vg.Length(len(panels)-1-i)
		p.Draw(draw.Crop(all, 6, -6, bottom+4, bottom+height-4-all.Max.Y))
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(f)
	return errors.Join(err, f.Close())
}

func (r *report) panel(title string, value func(*line) float64, format string, legend bool) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Weight: 2, Size: 11}
	p.Title.Padding = 6
	p.Y.Min = 0
	grid := plotter.NewGrid()
	grid.Vertical.Color = nil
	grid.Horizontal.Color = color.Gray{0xdd}
	p.Add(grid)
	const bar = vg.Length(16)
	highest := 0.
	for i, s := range series {
		heights := make(plotter.Values, len(plotted))
		labels := plotter.XYLabels{}
		for j, of := range plotted {
			l := r.bar(s.engine, of.job, s.states)
			if l == nil {
				continue
			}
			heights[j] = value(l)
			highest = max(highest, heights[j])
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(j), Y: heights[j]})
			labels.Labels = append(labels.Labels, fmt.Sprintf(format, heights[j]))
		}
		if len(labels.XYs) == 0 {
			continue
		}
		bars, err := plotter.NewBarChart(heights, bar)
		if err != nil {
			return nil, err
		}
		bars.Color, bars.LineStyle.Width = s.colour, 0
		bars.Offset = (vg.Length(i) - vg.Length(len(series)-1)/2) * (bar + 1)
		values, err := plotter.NewLabels(labels)
		if err != nil {
			return nil, err
		}
		for k := range values.TextStyle {
			values.TextStyle[k].Font.Size = 7
			values.TextStyle[k].Font.Variant = "Sans"
			values.TextStyle[k].XAlign = draw.XCenter
		}
		values.Offset = vg.Point{X: bars.Offset, Y: 2}
		p.Add(bars, values)
		if legend {
			p.Legend.Add(s.name, bars)
		}
	}
	p.Y.Max = highest * 1.12
	p.Y.Tick.Marker = plot.TickerFunc(roundTicks)
	p.Legend.Top, p.Legend.Left, p.Legend.Padding, p.Legend.XOffs = true, true, 2, 10
	p.Legend.TextStyle.Font.Variant, p.Legend.TextStyle.Font.Size = "Sans", 8
	names := make([]string, len(plotted))
	for j, of := range plotted {
		names[j] = of.title
	}
	p.NominalX(names...)
	p.X.Min, p.X.Max, p.Y.Padding = -0.5, float64(len(plotted))-0.5, 0
	for _, style := range []*font.Font{&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font} {
		style.Variant, style.Size = "Sans", 9
	}
	return p, nil
}

// roundTicks are three to eight steps of 1, 2 or 5 times a power of ten.
func roundTicks(low, high float64) (ticks []plot.Tick) {
	step := math.Pow(10, math.Floor(math.Log10(high-low)))
	switch n := (high - low) / step; {
	case n < 1.5:
		step /= 5
	case n < 3:
		step /= 2
	case n > 8:
		step *= 2
	}
	for v := math.Ceil(low/step) * step; v <= high; v += step {
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 6, 64)})
	}
	return ticks
}

// bar is the line of an engine's bar, nil where there is none.
func (r *report) bar(engine, job string, states []string) *line {
	if engine == "bare" {
		if job != "passthrough" {
			return nil
		}
		job = "copy"
	}
	for _, s := range states {
		if l := r.find(entry{engine, job, s}); l != nil {
			return l
		}
	}
	return nil
}
