// Command weir runs SQL stream jobs from Kafka to Kafka, exactly once.
package main

import (
	"os"

	"weir/cmd/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
