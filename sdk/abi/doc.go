// Package abi holds the records that a guest and the host exchange in ABI
// weir1, and their codec, generated from weir1.schema.
//
// It links neither fmt nor encoding/json nor reflection, so that a guest that
// imports it stays small. It is not a general serialisation library: the
// encoding is append-only, and every record stands in the schema.
package abi

//go:generate go run ./gen

// Module is the name of the import module of the host functions.
const Module = "weir1"

// Major and Minor are the version of the ABI this package speaks. A guest
// exports an empty function weir_abi_1; the host tells its minor in Init.
const (
	Major = 1
	Minor = 1
)

// Names of a guest's exports.
const (
	ExportMemory  = "memory"
	ExportVersion = "weir_abi_1"
	ExportInit    = "weir_init" // (len i32) -> i32
	// ExportHook is (stage i32, len i32) -> i32. Stage 0 is none: when a plugin is
	// loaded the host calls it once with stage 0 and an empty Event. A plugin that
	// knows no such stage returns 0 or a negative number; one that traps, or
	// writes what is no verdict, is not loaded.
	//
	// If the manifest says checks_config, the host also calls it with stage 0 and
	// a config_id for each configuration that is to be put in force and is new.
	// A negative result refuses it; the last log line of level error says why.
	// Host calls that need a grant are unavailable then, and other log lines are
	// dropped.
	ExportHook = "weir_hook"
)

// Results of host functions: a result >= 0 is a length or a count, a negative
// one is one of these.
const (
	ErrNotFound    int32 = -1
	ErrDenied      int32 = -2
	ErrTooLarge    int32 = -3
	ErrTimeout     int32 = -4
	ErrBadArgument int32 = -5
	ErrUnavailable int32 = -6
)

// MaxDepth is how deep records may nest (only Value nests itself).
const MaxDepth = 64

// Numbers of parts that are no MIME part.
const (
	PartRaw int32 = -1 // the message as it came, header and body
)
