gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "typed" {
  source = "ftp://elsewhere.test/typed.wasm" # ERROR: Invalid value
}
