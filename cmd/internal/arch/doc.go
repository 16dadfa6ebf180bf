// Package arch holds the tests of the repository's shape: which package may import which,
// and what must build without cgo.
package arch
