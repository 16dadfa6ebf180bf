// Package examples embeds the example jobs, for `weir demo` and for the tests that run them all.
package examples

import "embed"

// FS holds the .sql files of this folder.
//
//go:embed *.sql
var FS embed.FS
