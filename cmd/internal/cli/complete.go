package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir/planner/config"
)

// completeAll gives every flag of the verbs the values that it can have, as far as its usage tells them: `text|json`, `directory`.
// Flags that a verb has taken care of itself are left alone.
func (a *app) completeAll(c *cobra.Command) {
	see := func(f *pflag.Flag) {
		if _, taken := c.GetFlagCompletionFunc(f.Name); taken {
			return
		}
		name, _ := pflag.UnquoteUsage(f)
		var complete cobra.CompletionFunc
		switch {
		case f.Name == "set":
			complete = completeSetting
		case f.Name == "job":
			complete = completeJob
		case strings.Contains(name, "|"):
			complete = cobra.FixedCompletions(strings.Split(name, "|"), cobra.ShellCompDirectiveNoFileComp)
		case name == "end":
			complete = cobra.FixedCompletions([]string{"end"}, cobra.ShellCompDirectiveNoFileComp)
		case name == "directory" || name == "DIR":
			complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		default:
			return
		}
		c.RegisterFlagCompletionFunc(f.Name, complete) //nolint:errcheck // the flag is there, and has none
	}
	c.LocalFlags().VisitAll(see)
	if strings.Contains(c.Use, "FILE") && c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.FixedCompletions([]string{"sql", "md"}, cobra.ShellCompDirectiveFilterFileExt)
	}
	for _, sub := range c.Commands() {
		a.completeAll(sub)
	}
}

// completeSetting completes key=value of --set: the keys, then the values that a key can have.
func completeSetting(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	key, _, hasKey := strings.Cut(typed, "=")
	var out []string
	if !hasKey {
		for i := range config.Keys {
			out = append(out, config.Keys[i].Key+"=\t"+config.Keys[i].Doc)
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	k := config.Lookup(key)
	if k == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	values := slices.Clone(k.Values)
	if k.Default != "" && !slices.Contains(values, k.Default) {
		values = append(values, k.Default)
	}
	if k.Example != "" {
		values = append(values, k.Example)
	}
	for _, v := range values {
		out = append(out, key+"="+v)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeJob completes the names of jobs that run.
func completeJob(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	base, err := stateHome()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return runningJobs(base), cobra.ShellCompDirectiveNoFileComp
}
