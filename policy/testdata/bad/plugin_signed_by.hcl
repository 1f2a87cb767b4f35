gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}

plugin "rules" {
  source    = "builtin:rules"
  signed_by = ["ed25519:AAAA"] # ERROR: Invalid value
}
