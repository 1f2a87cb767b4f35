package toolchain

// sdkFolder is where a project keeps its copy of the SDK.
const sdkFolder = "weir-sdk"

// rustCrate is the name of the SDK's crate.
const rustCrate = "weir"
