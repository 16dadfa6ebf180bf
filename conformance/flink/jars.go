package flink

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Version is the Flink that runs.
const Version = "2.2.0"

//go:embed pom.xml
var pom []byte

// ErrUnavailable is wrapped by the errors of a machine that cannot run Flink: without Java or Maven, or without
// a way to Maven's repository.
var ErrUnavailable = errors.New("Flink cannot run here")

// Jars is the folder with the jars of Flink, its formats and its Kafka connector. Maven fetches them at the first call on a
// machine, some 20 s, into the cache folder: $WEIR_CACHE, or weir in the user's.
func Jars(ctx context.Context) (string, error) {
	return cached(ctx, "flink-"+Version+"-"+digest(pom), func(dir string) error {
		if err := tools("java", "mvn"); err != nil {
			return err
		}
		file := filepath.Join(dir, "pom.xml")
		if err := os.WriteFile(file, pom, 0o644); err != nil {
			return err
		}
		fetch := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", file, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
		if out, err := fetch.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: fetch Flink %s by Maven: %w\n%s", ErrUnavailable, Version, err, out)
		}
		return nil
	})
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

// cached is a folder of the cache, made whole by fill at the first call. Several processes may make it at once.
func cached(ctx context.Context, name string, fill func(dir string) error) (string, error) {
	base := os.Getenv("WEIR_CACHE")
	if base == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no place for Flink: %w; set WEIR_CACHE to a folder", err)
		}
		base = filepath.Join(dir, "weir")
	}
	dir := filepath.Join(base, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(base, name+".")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return "", err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, ctx.Err()
}

func digest(b ...[]byte) string {
	h := sha256.New()
	for _, b := range b {
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// classPath is the jars of lib that a case may need: not the Kafka connector, which is large and whose tables are replaced.
func classPath(lib string) (string, error) {
	jars, err := filepath.Glob(filepath.Join(lib, "*.jar"))
	if err != nil {
		return "", err
	}
	var out []string
	for _, jar := range jars {
		if !strings.HasPrefix(filepath.Base(jar), "flink-sql-connector-kafka") {
			out = append(out, jar)
		}
	}
	return strings.Join(out, string(os.PathListSeparator)), nil
}
