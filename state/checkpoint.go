package state

// Checkpoints is the checkpoint directory of one job: copies of its epochs on other storage.
type Checkpoints struct{}

// OpenCheckpoints opens the folder of job (pipeline.name) in the checkpoint directory uri, a
// file:// URI or a path; it is made if need be. retain is the number of newest committed
// checkpoints to keep (at least 1). fs may be nil.
func OpenCheckpoints(uri, job string, retain int, fs FS) (*Checkpoints, error) {
	panic("state: not built yet")
}

// Find finds the complete checkpoint of (epoch, nonce).
func (c *Checkpoints) Find(epoch Epoch, nonce Nonce) (*Manifest, bool, error) {
	panic("state: not built yet")
}

// List lists the complete checkpoints, by epoch and then by time, oldest first.
func (c *Checkpoints) List() ([]*Manifest, error) { panic("state: not built yet") }

// Prune deletes all checkpoints but the retained number up to committed, and what a crash left.
func (c *Checkpoints) Prune(committed *Manifest) error { panic("state: not built yet") }

// DeleteAll deletes the job's folder (externalized-checkpoint-retention = DELETE_ON_CANCELLATION).
func (c *Checkpoints) DeleteAll() error { panic("state: not built yet") }
