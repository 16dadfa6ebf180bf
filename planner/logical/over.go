package logical

// NewOver completes o, whose input and calls are set: its columns are those of the input, then the calls'.
func NewOver(o *Over) *Over {
	o.Columns = append([]Column(nil), o.Input.Cols()...)
	for _, c := range o.Calls {
		o.Columns = append(o.Columns, Column{Name: c.Name, Type: c.Type})
	}
	o.Win = o.Input.Windows()
	return o
}
