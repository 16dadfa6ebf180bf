//go:build !weir_killpoints

package killpoint

// Enabled reports whether this build honours WEIR_KILL_AT.
const Enabled = false

// Hit is called when the process passes the point.
func Hit(string) {}
