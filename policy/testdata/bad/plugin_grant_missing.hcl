gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "needy" {  # ERROR: Missing grant
  source = "./needy.wasm"
}
