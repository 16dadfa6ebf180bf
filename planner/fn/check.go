package fn

import (
	"weir/planner/config"
	"weir/planner/datetime"
	"weir/planner/types"
)

func checkPattern(v types.Value) error {
	_, err := datetime.CompilePattern(v.(string))
	return err
}

func checkZone(v types.Value) error {
	_, err := config.ParseZone(v.(string))
	return err
}
