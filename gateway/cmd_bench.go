package main

import (
	"context"
	"os"

	"github.com/mailweir/weir/gateway/internal/bench/journal"
	"github.com/mailweir/weir/gateway/internal/heap"
)

// BenchCmd measures this machine.
type BenchCmd struct {
	Journal BenchJournalCmd `cmd:"" help:"Load a made-up history into a store of its own, and measure searches; exits with 1 where a limit is exceeded."`
}

// BenchJournalCmd measures the log search.
type BenchJournalCmd struct {
	Records int    `default:"1000000" help:"Recipients' records."`
	Dir     string `placeholder:"PATH" help:"Folder for the store; else a temporary one. A store of an earlier run with --keep is used as it is."`
	Keep    bool   `help:"Leave the store."`
	Rounds  int    `default:"5" help:"Times that each search is run."`
}

// Run loads and measures, with the memory that "weir serve" gives itself. It
// never touches a gateway's own store. Exit code 1: a limit is exceeded.
func (c *BenchJournalCmd) Run(ctx context.Context) error {
	defer heap.Spare()()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go heap.GiveBack(ctx)
	return journal.Run(ctx, journal.Options{Records: c.Records, Dir: c.Dir, Keep: c.Keep, Rounds: c.Rounds, Out: os.Stdout})
}
