package unittest

import "fmt"

// chaos kills a job behind every row and restores it, at changing parallelism. Behind every other row a checkpoint is made
// first; without one the row is read again after the death.
type chaos struct {
	name    string
	commits int // rows whose number leaves this remainder are committed before the death
	pars    []int
	rows    int
}

// chaosOf is the ways in which a test is disturbed. A test that wants changes in the written order stays at its own parallelism: subtasks
// promise no order between them.
func chaosOf(t *Test) []*chaos {
	pars := []int{2, 3, 1}
	for _, s := range t.steps {
		for _, w := range s.expect {
			if w.ordered {
				pars = []int{t.par}
			}
		}
	}
	return []*chaos{
		{name: "chaos, a checkpoint before the odd deaths", commits: 0, pars: pars},
		{name: "chaos, a checkpoint before the even deaths", commits: 1, pars: pars},
	}
}

// strike comes after each row.
func (c *chaos) strike(e *execution) error {
	n := c.rows
	c.rows++
	if n%2 == c.commits {
		if err := e.checkpoint(); err != nil {
			return err
		}
	}
	if err := e.kill(); err != nil {
		return err
	}
	e.par = c.pars[n%len(c.pars)]
	if err := e.start(); err != nil {
		return fmt.Errorf("restore behind row %d at parallelism %d: %w", c.rows, e.par, err)
	}
	return nil
}
