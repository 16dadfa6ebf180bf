package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/spf13/cobra"
)

// Version is weir's own version; release builds set it with -ldflags -X.
var Version = "0.1.0-dev"

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of weir and of the libraries in it",
		Example: `  weir version
  weir version --json              the same for programs
  weir version --color never`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versions()
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(v)
			}
			fmt.Fprintf(a.stdout, "weir %s (%s, librdkafka %s, badger %s, %s/%s)\n", v.Weir, v.Go, v.Librdkafka, v.Badger, v.OS, v.Arch)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	return c
}

type versionInfo struct {
	Weir       string `json:"weir"`
	Go         string `json:"go"`
	Librdkafka string `json:"librdkafka"`
	Badger     string `json:"badger"`
	OS         string `json:"os"`
	Arch       string `json:"arch"`
}

func versions() versionInfo {
	_, rdkafka := kafka.LibraryVersion()
	v := versionInfo{Version, runtime.Version(), rdkafka, "unknown", runtime.GOOS, runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/dgraph-io/badger/v4" {
				v.Badger = m.Version
			}
		}
	}
	return v
}
