package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"weir/connectors/kafka/kafkatest"
)

// demo runs weir demo with a scratch folder of its own and looks at what it says and leaves behind.
func demo(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"demo", "--records", "60000", "--kills", "3"}, args...)...)
	dir := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, line := range []string{"records in             60000", "kills (SIGKILL)            3", "duplicates                 0", "losses                     0"} {
		if !strings.Contains(string(out), line) {
			t.Errorf("the demo does not say %q:\n%s", line, out)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the demo left %v behind (%v)", left, err)
	}
}

func TestDemoOnTheEmbeddedBroker(t *testing.T) { demo(t) }

func TestDemoOnRealKafka(t *testing.T) {
	demo(t, "--kafka", kafkatest.Real(t).Addr)
}
