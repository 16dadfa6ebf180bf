package state

import "time"

// FormatVersion is the version of the state directory's and the checkpoints' format that this build writes.
const FormatVersion = 1

// Manifest describes one prepared epoch: everything that a job needs to go on from it. The
// runtime fills in what it knows; Prepare fills in Format, Nonce, Made, Entries, Pages,
// Checksum and Checkpoint. A Manifest that a method returned is not to be written to.
type Manifest struct {
	Format      int       `json:"format"`             // FormatVersion of the writer
	Job         string    `json:"job"`                // job id: a random name made at the first start
	Name        string    `json:"name"`               // pipeline.name
	Epoch       Epoch     `json:"epoch"`              //
	Nonce       Nonce     `json:"nonce"`              // random; made by Prepare when empty
	Previous    Nonce     `json:"previous,omitempty"` // the nonce of the epoch that this one continues; empty in the first manifest
	Made        time.Time `json:"made"`               // when Prepare made it
	Fingerprint string    `json:"fingerprint"`        // of the plan
	Groups      int       `json:"groups"`             // number of key groups; never changes for a job
	Parallelism int       `json:"parallelism"`        // that the epoch was made with; for information

	Sources   map[string][]SplitRecord `json:"sources,omitempty"`   // by source id
	Sides     map[string][][]byte      `json:"sides,omitempty"`     // by sink id: what its writers' Flush returned
	Identity  []byte                   `json:"identity,omitempty"`  // the committer's; nil without one
	Operators []OperatorRecord         `json:"operators,omitempty"` // every operator with state
	Extra     map[string][]byte        `json:"extra,omitempty"`     // whatever else the runtime wants to find again, by name

	Entries    int64          `json:"entries"`              // live entries of all tables; an upper bound where a table has a TTL
	Pages      int64          `json:"pages"`                // pages in Badger that make up the epoch
	Checksum   string         `json:"checksum"`             // over the keys (which hold the checksums) of all those pages, 16 hex digits
	Checkpoint *CheckpointRef `json:"checkpoint,omitempty"` // the copy in the checkpoint directory; nil when there is none
}

// SplitRecord is the state of one split of a source.
type SplitRecord struct {
	ID        string `json:"id"`
	State     []byte `json:"state,omitempty"`     // the connector's own encoding of the position
	Watermark int64  `json:"watermark,omitempty"` // of this split alone, microseconds
	Done      bool   `json:"done,omitempty"`      // bounded, and read to its end
}

// OperatorRecord names an operator that keeps state, and its tables.
type OperatorRecord struct {
	ID     string      `json:"id"`
	Tables []TableSpec `json:"tables"`
}

// CheckpointRef says where the copy of an epoch lies.
type CheckpointRef struct {
	Path  string   `json:"path"`  // of the checkpoint's own folder, relative to the job's folder
	Files []string `json:"files"` // page files that it needs, its own last, relative to the job's folder
	Bytes int64    `json:"bytes"` // that this checkpoint added
}
