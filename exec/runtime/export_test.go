package runtime

// WithHook is o with f called at every kill point that the run passes; an error ends the attempt there.
func (o Options) WithHook(f func(point string) error) Options {
	o.hook = f
	return o
}
