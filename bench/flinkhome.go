package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"weir/connectors/program"
	"weir/connectors/program/jvm"
)

// The Flink that is measured.
const (
	flinkVersion          = "2.3.0"
	flinkConnectorVersion = "5.0.0-2.2" // of flink-sql-connector-kafka: the newest, made for Flink 2.2
)

// flinkHome is a distribution of Flink with its Kafka connector, put together at the first use on a machine: PyFlink's packages have its
// jars and scripts, Maven has the connector and the SQL gateway.
func flinkHome(ctx context.Context) (string, error) {
	dir, err := program.Once("flink-"+flinkVersion, func(dir string) error {
		say("fetching Apache Flink %s (330 MB, once)", flinkVersion)
		wheels := filepath.Join(dir, "wheels")
		// Any platform's package will do: it is for its scripts, which are the same.
		pip := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", wheels,
			"--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux2014_x86_64",
			"apache-flink-libraries=="+flinkVersion, "apache-flink=="+flinkVersion)
		if out, err := pip.CombinedOutput(); err != nil {
			return &program.MissingError{What: fmt.Sprintf("pip could not fetch Apache Flink %s: %v\n%s", flinkVersion, err, program.Tail(string(out)))}
		}
		found, err := filepath.Glob(filepath.Join(wheels, "*.whl"))
		if err != nil {
			return err
		}
		home := filepath.Join(dir, "home")
		for _, wheel := range found {
			if err := unpack(wheel, home); err != nil {
				return fmt.Errorf("unpack %s: %w", wheel, err)
			}
		}
		if err := jvm.Maven(dir, filepath.Join(home, "lib"), true, "org.apache.flink:flink-sql-connector-kafka:"+flinkConnectorVersion); err != nil {
			return err
		}
		if err := jvm.Maven(dir, filepath.Join(home, "opt"), true, "org.apache.flink:flink-sql-gateway:"+flinkVersion); err != nil {
			return err
		}
		return os.RemoveAll(wheels)
	})
	return filepath.Join(dir, "home"), err
}

// unpack writes the parts of a wheel of PyFlink that a distribution has into home.
func unpack(wheel, home string) (err error) {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	for _, f := range z.File {
		name, ours := strings.CutPrefix(f.Name, "pyflink/")
		top, _, _ := strings.Cut(name, "/")
		switch top {
		case "bin", "conf", "lib", "opt", "plugins":
		default:
			ours = false
		}
		if !ours || !filepath.IsLocal(name) || f.FileInfo().IsDir() {
			continue
		}
		if err := unpackFile(f, filepath.Join(home, name), top == "bin"); err != nil {
			return err
		}
	}
	return nil
}

func unpackFile(f *zip.File, to string, program bool) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if program {
		mode = 0o755
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
