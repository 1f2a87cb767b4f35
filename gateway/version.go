package main

import (
	"runtime"
	"runtime/debug"

	"github.com/mailweir/weir/gateway/internal/api"
)

// buildVersion is which build this is, from what the Go tool put into it.
func buildVersion() api.VersionInfo {
	v := api.VersionInfo{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// versionLine is a build on one line.
func versionLine(v api.VersionInfo) string {
	line := "weir " + v.Version
	if len(v.Revision) >= 12 {
		line += " (" + v.Revision[:12]
		if v.Modified {
			line += ", changed"
		}
		line += ")"
	}
	return line + " " + v.Go + " " + v.Platform
}
