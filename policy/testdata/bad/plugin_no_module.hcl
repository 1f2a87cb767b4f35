gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "broken" {
  source = "./missing.wasm"  # ERROR: Plugin cannot be loaded
}
