// Package arch holds the tests of the repository's shape: which package may import which, what must build
// without cgo, and whether the documents speak of the code as it is.
package arch
