// Package jvm fetches the jars of Java programs by Maven, at their first use on a machine, into the cache folder of package program.
package jvm

import (
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"weir/connectors/program"
)

// Jars is the folder with the jars of Maven artifacts, given as group:artifact:version, and of what they depend on. The folder lies
// in that of the cache which has the given name.
func Jars(name string, artifacts ...string) (string, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return "", &program.MissingError{What: "no java on this machine (Java 17 or newer is needed)"}
	}
	dir, err := program.Once(name, func(dir string) error { return Maven(dir, filepath.Join(dir, "lib"), false, artifacts...) })
	return filepath.Join(dir, "lib"), err
}

// Maven copies the jars of artifacts into lib; alone leaves out what they depend on. It works in the folder dir.
func Maven(dir, lib string, alone bool, artifacts ...string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return &program.MissingError{What: "no mvn on this machine to fetch " + strings.Join(artifacts, ", ") + " with"}
	}
	pom, err := pomOf(artifacts)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), pom, 0o644); err != nil {
		return err
	}
	cmd := exec.Command(mvn, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+lib, fmt.Sprintf("-DexcludeTransitive=%t", alone))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return &program.MissingError{What: fmt.Sprintf("mvn could not fetch %s: %v\n%s", strings.Join(artifacts, ", "), err, program.Tail(string(out)))}
	}
	return nil
}

func pomOf(artifacts []string) ([]byte, error) {
	type dependency struct {
		Group    string `xml:"groupId"`
		Artifact string `xml:"artifactId"`
		Version  string `xml:"version"`
	}
	pom := struct {
		XMLName xml.Name `xml:"http://maven.apache.org/POM/4.0.0 project"`
		Model   string   `xml:"modelVersion"`
		dependency
		Dependencies []dependency `xml:"dependencies>dependency"`
	}{Model: "4.0.0", dependency: dependency{"weir", "jars", "1"}}
	for _, a := range artifacts {
		part := strings.Split(a, ":")
		if len(part) != 3 {
			return nil, fmt.Errorf("%q is not group:artifact:version", a)
		}
		pom.Dependencies = append(pom.Dependencies, dependency{part[0], part[1], part[2]})
	}
	return xml.MarshalIndent(pom, "", "  ")
}
