package flink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"weir/connectors/program"
	"weir/connectors/program/jvm"
)

// Version is the Flink that runs, and Newer one that runs where the other lacks what is asked of it.
const (
	Version = "2.2.0"
	Newer   = "2.3.0"
)

// artifacts is what Flink's planner, runtime, formats and Kafka connector come from.
func artifacts(version string) []string {
	return []string{
		"org.apache.flink:flink-table-planner_2.12:" + version,
		"org.apache.flink:flink-clients:" + version,
		"org.apache.flink:flink-json:" + version,
		"org.apache.flink:flink-csv:" + version,
		"org.apache.flink:flink-cep:" + version,
		"org.apache.flink:flink-sql-avro-confluent-registry:" + version,
		"org.apache.flink:flink-connector-files:" + version,
		"org.apache.flink:flink-connector-datagen:" + version,
		"org.apache.flink:flink-connector-base:" + version,
		"org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",
	}
}

// ErrUnavailable is wrapped by the errors of a machine that cannot run Flink: without Java or Maven, or without
// a way to Maven's repository.
var ErrUnavailable = errors.New("Flink cannot run here")

// Jars is the folder with the jars of Flink, its formats and its Kafka connector. Maven fetches them at the first call on a
// machine, some 20 s, into the cache folder: $WEIR_CACHE, or weir in the user's.
func Jars(ctx context.Context) (string, error) { return jarsOf(ctx, Version) }

func jarsOf(ctx context.Context, version string) (string, error) {
	if err := tools("java"); err != nil {
		return "", err
	}
	list := artifacts(version)
	lib, err := jvm.Jars("flink-"+version+"-"+digest([]byte(strings.Join(list, " "))), list...)
	if missing := new(program.MissingError); errors.As(err, &missing) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return "", err
	}
	return lib, ctx.Err()
}

// tools checks that programs are installed, and that tests may use them.
func tools(names ...string) error {
	if os.Getenv("WEIR_NO_JAVA") != "" {
		return fmt.Errorf("%w: WEIR_NO_JAVA is set", ErrUnavailable)
	}
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: %s is not installed; it needs a JDK of version 17 and Maven", ErrUnavailable, name)
		}
	}
	return nil
}

func digest(b ...[]byte) string {
	h := sha256.New()
	for _, b := range b {
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// classPath is the jars of lib.
func classPath(lib string) (string, error) {
	jars, err := filepath.Glob(filepath.Join(lib, "*.jar"))
	return strings.Join(jars, string(os.PathListSeparator)), err
}
