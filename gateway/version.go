package main

import (
	"runtime"
	"runtime/debug"

	"github.com/mailweir/weir/gateway/internal/api"
)

// version is set by the linker ("make build"); "" leaves it to the Go tool.
var version string

// buildVersion is which build this is, from what the linker and the Go tool
// put into it.
func buildVersion() api.VersionInfo {
	v := api.VersionInfo{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	switch {
	case version != "":
		v.Version = version
	case info.Main.Version != "" && info.Main.Version != "(devel)":
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
